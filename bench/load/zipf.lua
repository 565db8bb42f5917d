-- 10,000 objects of 1 to 64 KiB, asked for by Zipf with an exponent of 0.9. Sizes say nothing of popularity.
-- `zipf` in xtask/src/bench/rows.rs fills caches with the same targets.
local OBJECTS, DRAWN = 10000, 200000
local drawn, next_one = {}, 0

function init(args)
    math.randomseed(tonumber(args[1]))
    local requests, sums, sum = {}, {}, 0
    for object = 1, OBJECTS do
        local size = 1024 + object * 7919 % 64513
        requests[object] = wrk.format("GET", "/" .. size .. "/zipf/" .. object)
        sum = sum + object ^ -0.9
        sums[object] = sum
    end
    for n = 1, DRAWN do
        local wanted, low, high = math.random() * sum, 1, OBJECTS
        while low < high do
            local middle = math.floor((low + high) / 2)
            if sums[middle] < wanted then low = middle + 1 else high = middle end
        end
        drawn[n] = requests[low]
    end
end

function request()
    next_one = next_one % DRAWN + 1
    return drawn[next_one]
end
