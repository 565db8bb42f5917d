-- Asks for another object each time. Argument: a number that no run before had.
local run, count = "", 0

function init(args)
    run = args[1]
end

function request()
    count = count + 1
    return wrk.format("GET", "/1024/miss/" .. run .. "/" .. count)
end
