-- Sends the requests of a file in turn, and tells what came of it in one line.
-- The file: for each request its length in bytes, a line feed, the request. KEY in it becomes a new key each time.
local KEY = string.rep("@", 24)
local requests, turn, run = {}, 0, ""

function init(args)
  run = args[2]
  local file = assert(io.open(args[1], "rb"))
  for length in file:lines() do
    local text = file:read(tonumber(length))
    local from, to = text:find(KEY, 1, true)
    requests[#requests + 1] = from and {text:sub(1, from - 1), text:sub(to + 1)} or text
  end
  file:close()
end

function request()
  local text = requests[turn % #requests + 1]
  turn = turn + 1
  if type(text) == "string" then return text end
  return text[1] .. run .. string.format("%012d", turn) .. text[2]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("\nbench %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
