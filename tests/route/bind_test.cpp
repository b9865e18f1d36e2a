#include "finack/route/bind.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace finack::route {
namespace {

BOOST_DEFINE_ENUM_CLASS(Size, small, large)

struct Item {
  std::string name;
  std::uint8_t count = 0;
  std::optional<double> price;
};
BOOST_DESCRIBE_STRUCT(Item, (), (name, count, price))

struct Order {
  std::int64_t id = 0;
  std::vector<Item> items;
  std::map<std::string, int> tags;
  Size size = Size::small;
  bool gift = false;
  std::string note = "none";
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, items, tags, size, gift, note))

}  // namespace

template <>
struct Rules<Item> {
  static constexpr auto list =
      std::tuple{field(&Item::name).length(1, 10), field(&Item::count).min(1).max(100),
                 field(&Item::price).min(0)};
};
template <>
struct Rules<Order> {
  static constexpr auto list =
      std::tuple{field(&Order::tags).optional(), field(&Order::size).optional(),
                 field(&Order::gift).optional(), field(&Order::note).optional(),
                 field(&Order::items).length(1, 3)};
};

namespace {

TEST(Bind, reads_a_struct) {
  const auto order = bind_json<Order>(
      R"({"id":9007199254740993,"items":[{"name":"caf\u00e9","count":2},
          {"name":"b","count":1,"price":1.5},{"name":"c","count":3,"price":null}],
          "tags":{"a":1,"b":-2},"size":"large","gift":true,"other":[1,{"x":2}]})");
  ASSERT_TRUE(order) << order.error().pointer << order.error().message;
  EXPECT_EQ(order->id, 9007199254740993);
  ASSERT_EQ(order->items.size(), 3U);
  EXPECT_EQ(order->items[0].name, "café");
  EXPECT_EQ(order->items[1].price, 1.5);
  EXPECT_FALSE(order->items[2].price);
  EXPECT_EQ(order->tags.at("b"), -2);
  EXPECT_EQ(order->size, Size::large);
  EXPECT_TRUE(order->gift);
  EXPECT_EQ(order->note, "none");
}

struct Case {
  const char* text;
  BindProblem problem;
  const char* pointer;
  const char* message;
};

TEST(Bind, errors_point_to_the_value) {
  using P = BindProblem;
  const Case cases[] = {
      {"", P::malformed, "", "is empty where JSON was expected"},
      {"{", P::malformed, "", "is not valid JSON"},
      {"[1,]", P::malformed, "", "is not valid JSON"},
      {R"({"id":1} x)", P::malformed, "", "is not valid JSON"},
      {"[]", P::wrong_type, "", "must be an object"},
      {R"({"items":[{"name":"a","count":1}]})", P::missing, "/id", "is required"},
      {R"({"id":"1"})", P::wrong_type, "/id", "must be a whole number"},
      {R"({"id":1.5})", P::wrong_type, "/id", "must be a whole number"},
      {R"({"id":9223372036854775808})", P::out_of_range, "/id",
       "must be between -9223372036854775808 and 9223372036854775807"},
      {R"({"id":1,"items":{}})", P::wrong_type, "/items", "must be an array"},
      {R"({"id":1,"items":[]})", P::wrong_length, "/items", "must have a length of 1 to 3"},
      {R"({"id":1,"items":[{"name":"a","count":1},{"name":"b"}]})", P::missing, "/items/1/count",
       "is required"},
      {R"({"id":1,"items":[{"name":"a","count":256}]})", P::out_of_range, "/items/0/count",
       "must be between 0 and 255"},
      {R"({"id":1,"items":[{"name":"a","count":-1}]})", P::out_of_range, "/items/0/count",
       "must be between 0 and 255"},
      {R"({"id":1,"items":[{"name":"a","count":101}]})", P::out_of_range, "/items/0/count",
       "must be between 1 and 100"},
      {R"({"id":1,"items":[{"name":"","count":1}]})", P::wrong_length, "/items/0/name",
       "must have a length of 1 to 10"},
      {R"({"id":1,"items":[{"name":"a","count":1,"price":-0.5}]})", P::out_of_range,
       "/items/0/price", "must be at least 0"},
      {R"({"id":1,"size":"huge"})", P::out_of_range, "/size", "must be one of: small, large"},
      {R"({"id":1,"gift":1})", P::wrong_type, "/gift", "must be true or false"},
      {R"({"id":1,"tags":{"a/b~c":"x"}})", P::wrong_type, "/tags/a~1b~0c",
       "must be a whole number"},
      {R"({"id":1,"id":2})", P::duplicate_key, "/id", "stands in its object twice"},
      {R"({"id":1,"junk":[{"a":1,"a":2}]})", P::duplicate_key, "/junk/0/a",
       "stands in its object twice"},
      {R"({"id":1,"junk":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"c":0}})",
       P::duplicate_key, "/junk/c", "stands in its object twice"},
      {"{\"id\":1,\"note\":\"\xff\"}", P::malformed, "", "is not valid UTF-8"},
  };
  for (const Case& c : cases) {
    const auto order = bind_json<Order>(c.text);
    ASSERT_FALSE(order) << c.text;
    EXPECT_EQ(order.error().problem, c.problem)
        << c.text << ": " << name(order.error().problem) << ' ' << order.error().message;
    EXPECT_EQ(order.error().pointer, c.pointer) << c.text;
    EXPECT_EQ(order.error().message, c.message) << c.text;
  }
}

TEST(Bind, unknown_keys_are_refused_when_asked) {
  const char* text = R"({"name":"a","count":1,"extra":{}})";
  EXPECT_TRUE(bind_json<Item>(text));
  BindOptions strict;
  strict.refuse_unknown_keys = true;
  const auto item = bind_json<Item>(text, strict);
  ASSERT_FALSE(item);
  EXPECT_EQ(item.error().problem, BindProblem::unknown_key);
  EXPECT_EQ(item.error().pointer, "/extra");
}

TEST(Bind, nesting_is_limited) {
  BindOptions options;
  options.max_depth = 3;
  using Deep = std::vector<std::vector<std::vector<int>>>;
  EXPECT_TRUE(bind_json<Deep>("[[[1]]]", options));
  const auto deep = bind_json<std::vector<int>>("[[[[1]]]]", options);
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().problem, BindProblem::too_deep);
  EXPECT_EQ(deep.error().pointer, "/0/0/0");
  const auto abyss =
      bind_json<std::vector<int>>(std::string(100'000, '[') + std::string(100'000, ']'));
  ASSERT_FALSE(abyss);
  EXPECT_EQ(abyss.error().problem, BindProblem::too_deep);
}

TEST(Bind, numbers_keep_their_range) {
  EXPECT_EQ(bind_json<std::uint64_t>("18446744073709551615").value(), ~std::uint64_t{0});
  EXPECT_EQ(bind_json<std::uint64_t>("-1").error().problem, BindProblem::out_of_range);
  EXPECT_EQ(bind_json<std::uint64_t>("18446744073709551616").error().problem,
            BindProblem::malformed);
  EXPECT_EQ(bind_json<double>("3").value(), 3.0);
  EXPECT_EQ(bind_json<float>("1e39").error().problem, BindProblem::out_of_range);
  EXPECT_FALSE(bind_json<double>("1e999"));
  EXPECT_FALSE(bind_json<double>("NaN"));
}

}  // namespace
}  // namespace finack::route
