-- Which hour, day and month (UTC) is it, and when do they end?
-- INCLUDE: calendar(now) -> {hour = {id, ends}, day = {id, ends}, month = {id, ends}}; now and ends in milliseconds.
-- Redis gives Lua no calendar; the civil date comes from the day number by the usual 400-year-era arithmetic.
local function calendar(now)
  local floor = math.floor
  local hours = floor(now / 3600000)
  local days = floor(hours / 24)
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local day_of_era = shifted - era * 146097
  local year_of_era = floor((day_of_era - floor(day_of_era / 1460) + floor(day_of_era / 36524)
    - floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + floor(year_of_era / 4) - floor(year_of_era / 100))
  local march_month = floor((5 * day_of_year + 2) / 153)
  local day = day_of_year - floor((153 * march_month + 2) / 5) + 1
  local month = march_month < 10 and march_month + 3 or march_month - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  local leap = (year % 4 == 0 and year % 100 ~= 0) or year % 400 == 0
  local lengths = {31, leap and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
  local date = string.format('%04d-%02d-%02d', year, month, day)
  return {
    hour = {id = string.format('%sT%02d', date, hours - days * 24), ends = (hours + 1) * 3600000},
    day = {id = date, ends = (days + 1) * 86400000},
    month = {id = string.sub(date, 1, 7), ends = (days - day + 1 + lengths[month]) * 86400000},
  }
end
