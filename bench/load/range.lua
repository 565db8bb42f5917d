-- Asks for one MiB, aligned, of an object of 64 MiB.
function init(args)
    math.randomseed(tonumber(args[1]))
end

function request()
    local first = math.random(0, 63) * 1048576
    wrk.headers["Range"] = "bytes=" .. first .. "-" .. (first + 1048575)
    return wrk.format("GET")
end
