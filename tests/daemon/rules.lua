-- The rules each record goes through: units to base units, limits to alerts,
-- and what is stored.  A product would replace this file and not the daemon.
--
-- Holds: apply(text) -> record.  Raises {malformed = ...} for what is no JSON
-- and {rejected = ...} for what is no record.
-- Read next: rules.c, which calls apply and copies the record out.

local json = ...

-- unit = {quantity, offset, scale}; base value = (raw - offset) * scale.
local kUnits = {
  C = { "temperature", 0.0, 1.0 }, F = { "temperature", 32.0, 5.0 / 9.0 },
  K = { "temperature", 273.15, 1.0 },
  Pa = { "pressure", 0.0, 1.0 }, hPa = { "pressure", 0.0, 100.0 },
  mbar = { "pressure", 0.0, 100.0 }, kPa = { "pressure", 0.0, 1000.0 },
  psi = { "pressure", 0.0, 6894.757 }, bar = { "pressure", 0.0, 100000.0 },
  V = { "voltage", 0.0, 1.0 }, mV = { "voltage", 0.0, 0.001 },
  A = { "current", 0.0, 1.0 }, mA = { "current", 0.0, 0.001 },
  W = { "power", 0.0, 1.0 }, kW = { "power", 0.0, 1000.0 },
  J = { "energy", 0.0, 1.0 }, Wh = { "energy", 0.0, 3600.0 },
  kWh = { "energy", 0.0, 3600000.0 }, MJ = { "energy", 0.0, 1000000.0 },
  ["m/s2"] = { "acceleration", 0.0, 1.0 },
  g = { "acceleration", 0.0, 9.80665 },
  mg = { "acceleration", 0.0, 0.00980665 },
  ratio = { "ratio", 0.0, 1.0 }, ["%"] = { "ratio", 0.0, 0.01 },
  ["m3/h"] = { "flow", 0.0, 1.0 }, ["l/min"] = { "flow", 0.0, 0.06 },
  dBm = { "signal", 0.0, 1.0 },
  s = { "time", 0.0, 1.0 }, ms = { "time", 0.0, 0.001 },
  m = { "length", 0.0, 1.0 }, km = { "length", 0.0, 1000.0 },
}

-- quantity = {lowest, highest} that is no alert.
local kLimits = {
  temperature = { -40.0, 85.0 }, pressure = { 1000.0, 1200000.0 },
  voltage = { 2.9, 480.0 }, current = { -40.0, 40.0 },
  power = { -5000.0, 22000.0 }, acceleration = { -160.0, 160.0 },
  ratio = { 0.05, 1.0 }, flow = { 0.0, 90.0 }, signal = { -115.0, 0.0 },
}

local kLargest = 1e12   -- of a base value: sums of them stay exact integers
local kMaxChildren = 4  -- levels of gateways behind gateways

local function reject(...)
  error({ rejected = string.format(...) }, 0)
end

local function want(value, kind, what)
  if type(value) ~= kind or value == json.null then
    reject("%s is no %s", what, kind)
  end
  return value
end

-- Days since 1970-01-01 in the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + year // 4 - year // 100 + year // 400
      + (153 * (month - 3) + 2) // 5 + day - 719469
end

-- Seconds since 1970 from seconds, milliseconds or an ISO 8601 string.
local function seconds(at)
  if math.type(at) == "integer" then
    return at >= 100000000000 and at // 1000 or at
  end
  local y, mo, d, h, mi, s, zone = string.match(want(at, "string", "at"),
    "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)$")
  if not y then reject("at is no time: %s", at) end
  local shift = 0
  if zone ~= "Z" then
    local sign, zh, zm = string.match(zone, "^([+-])(%d%d):(%d%d)$")
    if not sign then reject("at has no zone: %s", at) end
    shift = tonumber(sign .. "1") * (zh * 3600 + zm * 60)
  end
  return days(tonumber(y), tonumber(mo), tonumber(d)) * 86400
      + math.tointeger(h * 3600 + mi * 60 + s - shift)
end

local function alert(record, rule, ...)
  local list = record.alerts
  list[#list + 1] = { rule = rule, text = string.format(...) }
end

-- Adds one reading: `samples` in `unit`, stored as mean, low and high.
local function add_reading(record, metric, samples, unit)
  local known = kUnits[unit]
  if not known then reject("%s has an unknown unit", metric) end
  local quantity, offset, scale = known[1], known[2], known[3]
  local total, low, high = 0.0, math.huge, -math.huge
  local series = json.array({})
  for i, raw in ipairs(samples) do
    local value = (want(raw, "number", metric) - offset) * scale
    if math.abs(value) > kLargest then reject("%s is too large", metric) end
    series[i] = value
    total = total + value
    low, high = math.min(low, value), math.max(high, value)
  end
  if #samples == 0 then reject("%s has no samples", metric) end
  local reading = {
    metric = metric, quantity = quantity, value = total / #samples,
    low = low, high = high,
  }
  if #samples > 1 then reading.samples = series end
  record.readings[#record.readings + 1] = reading
  record.sum = record.sum + math.floor(reading.value * 1000.0 + 0.5)
  local limits = kLimits[quantity]
  if limits and (low < limits[1] or high > limits[2]) then
    alert(record, "limit", "%s: %.6g to %.6g is outside %g to %g", metric,
      low, high, limits[1], limits[2])
  end
end

local function add_readings(record, source, prefix)
  for metric, pair in pairs(source.values or {}) do
    add_reading(record, prefix .. metric, { pair[1] }, pair[2])
  end
  for _, reading in ipairs(source.readings or {}) do
    local metric = prefix .. want(reading.metric, "string", "metric")
    local unit = want(reading.unit, "string", "unit")
    if reading.axes then
      for _, axis in ipairs({ "x", "y", "z" }) do
        add_reading(record, metric .. "." .. axis,
          want(reading.axes[axis], "table", "axis"), unit)
      end
    else
      add_reading(record, metric, reading.samples or { reading.value }, unit)
    end
  end
end

local function add_text(record, text)
  record.text_bytes = record.text_bytes + #want(text, "string", "text")
  return text
end

local function add_log(record, source)
  for _, line in ipairs(source.log or {}) do
    local text = add_text(record, line.text)
    if line.level == "error" or text:lower():find("watchdog", 1, true) then
      alert(record, "log", "%s: %s", line.level, text)
    end
  end
end

local function add(record, source, prefix, levels)
  want(source, "table", "record")
  if not want(source.device, "string", "device"):find("^[^%c]+$") then
    reject("device has no name")
  end
  local at = seconds(source.at)
  if source.site then add_text(record, source.site.name) end
  add_readings(record, source, prefix)
  add_log(record, source)
  if source.children and levels == 0 then reject("too many gateways") end
  for _, child in ipairs(source.children or {}) do
    add(record, child, prefix .. want(child.device, "string", "device") .. "/",
      levels - 1)
  end
  return at
end

-- What is kept of the record as it came: all but what was normalised.
local function kept(source, record)
  local doc = {}
  for key, value in pairs(source) do doc[key] = value end
  doc.values, doc.readings, doc.children = nil, nil, nil
  doc.at = record.at
  doc.normalised = json.array(record.readings)
  return json.encode(doc)
end

function apply(text)
  local source = json.decode(text)
  local record = {
    readings = {}, alerts = {}, sum = 0, text_bytes = 0,
  }
  -- A field of the wrong type is the sender's mistake, found by indexing it.
  local ok, at = pcall(add, record, source, "", kMaxChildren)
  if not ok then
    if type(at) == "table" or tostring(at):find("not enough memory", 1, true)
    then
      error(at, 0)
    end
    reject("wrong shape: %s", at)
  end
  record.at = at
  record.device = source.device
  record.doc = kept(source, record)
  return record
end
