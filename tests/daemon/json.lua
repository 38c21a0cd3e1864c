-- A JSON reader and writer for the rules.  Strict: what RFC 8259 forbids is an
-- error, because a daemon that guesses stores garbage.
--
-- Holds: json.decode(text), json.encode(value), json.null, json.array(table).
-- Read next: rules.lua

local byte, char, find, format = string.byte, string.char, string.find,
    string.format
local sub = string.sub

local json = {}

-- Lua's nil would leave holes in arrays and drop keys.
json.null = setmetatable({}, { __tostring = function() return "null" end })

local kMaxDepth = 64
local kArray = { kind = "array" }

-- Marks a table as an array: an empty Lua table does not say which it is.
function json.array(t) return setmetatable(t, kArray) end

local kEscapes = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n",
  r = "\r", t = "\t",
}

local function fail(at, what)
  error({ malformed = format("%s at byte %d", what, at) }, 0)
end

-- Reads the four digits of \uXXXX; returns the code unit.
local function hex4(text, at)
  local digits = sub(text, at, at + 3)
  if not find(digits, "^%x%x%x%x$") then fail(at, "bad \\u escape") end
  return tonumber(digits, 16)
end

-- Reads a \u escape, pairs of surrogates included.
local function unicode(text, at)
  local unit = hex4(text, at)
  if unit < 0xD800 or unit > 0xDFFF then return utf8.char(unit), at + 4 end
  if unit > 0xDBFF or sub(text, at + 4, at + 5) ~= "\\u" then
    fail(at, "lone surrogate")
  end
  local low = hex4(text, at + 6)
  if low < 0xDC00 or low > 0xDFFF then fail(at, "lone surrogate") end
  local point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
  return utf8.char(point), at + 10
end

-- `at` is behind the opening quote; returns the string and what follows it.
local function decode_string(text, at)
  local stop = find(text, '["\\\0-\31]', at)
  if stop and byte(text, stop) == 34 then
    return sub(text, at, stop - 1), stop + 1
  end
  local parts = {}
  while true do
    if not stop then fail(at, "string without end") end
    parts[#parts + 1] = sub(text, at, stop - 1)
    local c = byte(text, stop)
    if c == 34 then return table.concat(parts), stop + 1 end
    if c ~= 92 then fail(stop, "control character in a string") end
    local escape = sub(text, stop + 1, stop + 1)
    if escape == "u" then
      parts[#parts + 1], at = unicode(text, stop + 2)
    elseif kEscapes[escape] then
      parts[#parts + 1], at = kEscapes[escape], stop + 2
    else
      fail(stop, "unknown escape")
    end
    stop = find(text, '["\\\0-\31]', at)
  end
end

local function decode_number(text, at)
  local _, stop = find(text, "^-?[1-9]%d*", at)
  if not stop then _, stop = find(text, "^-?0", at) end
  if not stop then fail(at, "unexpected character") end
  local _, fraction = find(text, "^%.%d+", stop + 1)
  stop = fraction or stop
  local _, exponent = find(text, "^[eE][+-]?%d+", stop + 1)
  stop = exponent or stop
  local value = tonumber(sub(text, at, stop))
  if value == math.huge or value == -math.huge then
    fail(at, "number out of range")
  end
  return value, stop + 1
end

local function skip(text, at)
  local _, stop = find(text, "^[ \n\r\t]*", at)
  return stop + 1
end

local decode_value

local function decode_array(text, at, depth)
  local out, n = json.array({}), 0
  at = skip(text, at)
  if byte(text, at) == 93 then return out, at + 1 end
  while true do
    n = n + 1
    out[n], at = decode_value(text, at, depth)
    at = skip(text, at)
    local c = byte(text, at)
    if c == 93 then return out, at + 1 end
    if c ~= 44 then fail(at, "expected , or ]") end
    at = skip(text, at + 1)
  end
end

local function decode_object(text, at, depth)
  local out = {}
  at = skip(text, at)
  if byte(text, at) == 125 then return out, at + 1 end
  while true do
    if byte(text, at) ~= 34 then fail(at, "expected a key") end
    local key
    key, at = decode_string(text, at + 1)
    at = skip(text, at)
    if byte(text, at) ~= 58 then fail(at, "expected :") end
    out[key], at = decode_value(text, skip(text, at + 1), depth)
    at = skip(text, at)
    local c = byte(text, at)
    if c == 125 then return out, at + 1 end
    if c ~= 44 then fail(at, "expected , or }") end
    at = skip(text, at + 1)
  end
end

local kWords = { ["true"] = true, ["false"] = false, ["null"] = json.null }

function decode_value(text, at, depth)
  if depth == 0 then fail(at, "nested too deeply") end
  local c = byte(text, at)
  if c == 34 then return decode_string(text, at + 1) end
  if c == 123 then return decode_object(text, at + 1, depth - 1) end
  if c == 91 then return decode_array(text, at + 1, depth - 1) end
  local _, stop = find(text, "^%l+", at)
  if stop then
    local word = kWords[sub(text, at, stop)]
    if word == nil then fail(at, "unknown word") end
    return word, stop + 1
  end
  return decode_number(text, at)
end

-- Decodes one document; raises {malformed = sentence}.
function json.decode(text)
  -- One pass in C, so that no later step sees half a character.
  local ok, bad = utf8.len(text)
  if not ok then fail(bad, "invalid UTF-8") end
  local value, at = decode_value(text, skip(text, 1), kMaxDepth)
  at = skip(text, at)
  if at <= #text then fail(at, "text after the document") end
  return value
end

local function quote(text)
  text = text:gsub('[%c"\\]', function(c)
    return c == '"' and '\\"' or c == "\\" and "\\\\"
        or format("\\u%04x", byte(c))
  end)
  return '"' .. text .. '"'
end

local encode_value

local function encode_table(t, out)
  local open = "["
  if getmetatable(t) == kArray then
    for i = 1, #t do
      out[#out + 1] = i > 1 and "," or "["
      encode_value(t[i], out)
    end
    if #t == 0 then out[#out + 1] = "[" end
    out[#out + 1] = "]"
    return
  end
  -- Sorted, so that equal records are stored as equal bytes.
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  open = "{"
  for _, key in ipairs(keys) do
    out[#out + 1] = open
    out[#out + 1] = quote(key)
    out[#out + 1] = ":"
    encode_value(t[key], out)
    open = ","
  end
  out[#out + 1] = open == "{" and "{}" or "}"
end

function encode_value(value, out)
  local kind = math.type(value) or type(value)
  if value == json.null then
    out[#out + 1] = "null"
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "integer" then
    out[#out + 1] = format("%d", value)
  elseif kind == "float" then
    out[#out + 1] = format("%.17g", value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  else
    encode_table(value, out)
  end
end

function json.encode(value)
  local out = {}
  encode_value(value, out)
  return table.concat(out)
end

return json
