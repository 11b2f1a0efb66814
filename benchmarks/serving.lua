-- The load of benchmarks/serving.py: whole requests, made once, with other bytes in each photo's comment every time.
--
--     wrk -t1 -c32 -d6s -s serving.lua http://127.0.0.1:8000/path -- plan.lua
--
-- plan.lua returns {headers, bodies = {{file, at}, ...}, salt, from, till}: `at` is where in the file the comment
-- stands, `from` and `till` are seconds after the first request between which answers count for the rate.
-- Strings of Lua's are not to be changed, and joining each request anew would cost the machine that is measured: 0.5 ms
-- of a core for 270 KB and 4.6 ms for 3 MB, measured on two cores. So the comment is written over in place (0.1 and
-- 1.2 ms, the sending itself; 0.01 ms for 20 KB). wrk copies a request before it asks for the next one.

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]

local MONOTONIC, now = 1, ffi.new("moment")
local threads, requests, places = {}, {}, {}
local plan, turn

asked, answered, counted, refused, first = 0, 0, 0, 0, 0 -- globals: `done` reads them from the thread

local function seconds()
    ffi.C.clock_gettime(MONOTONIC, now)
    return tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9
end

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    plan = dofile(args[1])
    for name, value in pairs(plan.headers) do wrk.headers[name] = value end
    for number, body in ipairs(plan.bodies) do
        local file = assert(io.open(body.file, "rb"))
        local data = file:read("*a")
        file:close()
        requests[number] = wrk.format("POST", nil, nil, data)
        places[number] = ffi.cast("char *", requests[number]) + (#requests[number] - #data + body.at)
    end
    turn = 0
end

function request()
    if asked == 0 then first = seconds() end
    asked, turn = asked + 1, turn % #requests + 1
    local mark = string.format("%s%012x", plan.salt, asked)
    ffi.copy(places[turn], mark, #mark)
    return requests[turn]
end

function response(status)
    local since = seconds() - first
    answered = answered + 1
    if status < 200 or status > 299 then
        refused = refused + 1
    elseif since >= plan.from and since < plan.till then
        counted = counted + 1
    end
end

function done(summary, latency)
    local found = { asked = 0, answered = 0, counted = 0, refused = 0 }
    for _, thread in ipairs(threads) do
        for name, _ in pairs(found) do found[name] = found[name] + thread:get(name) end
    end
    local errors = summary.errors
    io.write(string.format(
        'told {"asked": %d, "answered": %d, "counted": %d, "refused": %d, "broken": %d, "p50": %.3f, "p99": %.3f}\n',
        found.asked, found.answered, found.counted, found.refused,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
