#include "http/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "http/scan_short.h"

namespace finack::http::scan {
namespace {

template <class Class>
void expect_both_scanners_agree(char member) {
  for (std::size_t size = 0; size <= 48; ++size) {
    const std::string plain(size, member);
    const ByteRange whole{plain.data(), plain.data() + size};
    EXPECT_EQ(skip<Class>(whole.begin, whole), whole.end);
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = plain;
        text[at] = static_cast<char>(byte);
        const ByteRange in{text.data(), text.data() + size};
        const char* expected =
            Class::accepts(static_cast<unsigned char>(byte)) ? in.end : in.begin + at;
        ASSERT_EQ(skip<Class>(in.begin, in), expected) << size << " " << at << " " << byte;
        ASSERT_EQ(skip_portable<Class>(in.begin, in.end), expected);
        ASSERT_EQ(holds_only<Class>(text), expected == in.end) << size << " " << at << " " << byte;
        if (size >= 16) {
          ASSERT_EQ(skip_name<Class>(in.begin, in), expected);
          ASSERT_EQ(skip_short<Class>(in.begin, in, 0), expected);
          const bool near = expected - in.begin < 16 || in.end - expected >= 3;
          ASSERT_EQ(skip_short<Class>(in.begin, in, 3), near ? expected : in.begin);
        }
        // Bytes before the start do not count.
        if (at + 1 < size) {
          ASSERT_EQ(skip<Class>(in.begin + at + 1, in), in.end);
          if (size >= 16) {
            ASSERT_EQ(skip_name<Class>(in.begin + at + 1, in), in.end);
          }
        }
      }
    }
  }
}

TEST(Scan, TokenScannersAgree) { expect_both_scanners_agree<Token>('a'); }
TEST(Scan, PathScannersAgree) { expect_both_scanners_agree<Path>('/'); }
TEST(Scan, QueryScannersAgree) { expect_both_scanners_agree<Query>('?'); }
TEST(Scan, HostScannersAgree) { expect_both_scanners_agree<HostName>('.'); }
TEST(Scan, ValueScannersAgree) { expect_both_scanners_agree<FieldValue>(' '); }

TEST(Ascii, ComparesWithoutCaseAsByteByByte) {
  for (std::size_t size = 1; size <= 20; ++size) {
    const std::string lower(size, 'x');
    for (std::size_t at = 0; at < size; ++at) {
      for (int one = 0; one < 256; ++one) {
        for (const char other : {'@', 'a', '[', 'k', 'z', '{', '-', '\0'}) {
          std::string a = lower, b = lower;
          a[at] = static_cast<char>(one);
          b[at] = other;
          const bool same = to_lower(a[at]) == other;
          ASSERT_EQ(equals_lower(a, b), same) << size << " " << at << " " << one << " " << other;
          ASSERT_EQ(equals_nocase(b, a), same) << size << " " << at << " " << one << " " << other;
        }
      }
    }
    EXPECT_FALSE(equals_lower(lower, lower + "x"));
    EXPECT_TRUE(equals_lower(std::string(size, 'X'), lower));
  }
  EXPECT_TRUE(equals_nocase("", ""));
}

TEST(Scan, TokenIsTheRfcsSet) {
  const std::string members =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(accepts<Token>(static_cast<char>(byte)),
              byte != 0 && members.find(static_cast<char>(byte)) != std::string::npos)
        << byte;
  }
}

}  // namespace
}  // namespace finack::http::scan
