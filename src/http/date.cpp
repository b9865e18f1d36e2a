#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>

#include "http/encoder.h"

namespace finack::http {
namespace {

void put_two(char* out, unsigned value) {
  out[0] = static_cast<char>('0' + value / 10 % 10);
  out[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

void format_date(std::int64_t unix_seconds, char* out) {
  using namespace std::chrono;
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::int64_t kLast = 253402300799;  // 9999-12-31 23:59:59
  const sys_seconds time{seconds(std::clamp<std::int64_t>(unix_seconds, 0, kLast))};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", 29);
  std::memcpy(out, kDays.data() + std::size_t{weekday{day}.c_encoding()} * 3, 3);
  put_two(out + 5, static_cast<unsigned>(date.day()));
  std::memcpy(out + 8, kMonths.data() + (std::size_t{static_cast<unsigned>(date.month())} - 1) * 3,
              3);
  const auto year_number = static_cast<unsigned>(static_cast<int>(date.year()));
  put_two(out + 12, year_number / 100);
  put_two(out + 14, year_number % 100);
  put_two(out + 17, static_cast<unsigned>(clock.hours().count()));
  put_two(out + 20, static_cast<unsigned>(clock.minutes().count()));
  put_two(out + 23, static_cast<unsigned>(clock.seconds().count()));
}

}  // namespace finack::http
