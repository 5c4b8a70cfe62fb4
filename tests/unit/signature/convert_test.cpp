#include "dspy/base/error.hpp"
#include "dspy/signature/reflect.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

enum class Urgency { low, high };
enum class Shade : std::uint8_t { dark = 3, light = 200 };

}  // namespace

template <>
inline constexpr auto dspy::enum_labels<Urgency> =
    std::to_array<dspy::EnumLabel<Urgency>>({{Urgency::low, "can wait"}, {Urgency::high, "today, please"}});

namespace {

struct Point {
  double x = 0;
  double y = 0;

  static constexpr auto fields = describe(field<&Point::x>(desc("To the right."), at_least{0}));

  bool operator==(const Point&) const = default;
};

struct Node {
  std::int64_t value = 0;
  std::vector<Node> children = {};

  bool operator==(const Node&) const = default;
};

struct Link {
  std::string name = {};
  std::unique_ptr<Link> next = {};

  bool operator==(const Link& other) const {
    return name == other.name && (next == nullptr) == (other.next == nullptr) && (!next || *next == *other.next);
  }
};

struct Circle {
  Point centre = {};
  double radius = 0;

  bool operator==(const Circle&) const = default;
};

struct Square {
  Point corner = {};
  double side = 0;

  bool operator==(const Square&) const = default;
};

/// Every one of these is a `Narrow` if it has no `b`.
struct Wide {
  double a = 0;
  std::optional<double> b = {};
};

struct Narrow {
  double a = 0;
};

template <class T>
struct Measured {
  T amount = {};
};

template <class T>
struct Counted {
  T amount = {};
};

template <class T>
struct Box {
  T content = {};

  bool operator==(const Box&) const = default;
};

using Random = std::mt19937_64;

template <class T>
struct Any;

template <class T>
T any(Random& random) {
  return Any<T>::make(random);
}

std::size_t below_number(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

template <std::integral T>
struct Any<T> {
  static T make(Random& random) {
    using Range = std::numeric_limits<T>;
    switch (below_number(random, 4)) {
      case 0: return Range::min();
      case 1: return std::in_range<std::int64_t>(Range::max()) ? Range::max() : static_cast<T>(INT64_MAX);
      default: return static_cast<T>(random() >> 1);
    }
  }
};

template <>
struct Any<bool> {
  static bool make(Random& random) { return below_number(random, 2) == 1; }
};

template <std::floating_point T>
struct Any<T> {
  static T make(Random& random) {
    switch (below_number(random, 4)) {
      case 0: return std::numeric_limits<T>::max();
      case 1: return -std::numeric_limits<T>::denorm_min();
      default: return static_cast<T>(std::uniform_real_distribution<double>(-1e6, 1e6)(random));
    }
  }
};

template <>
struct Any<std::string> {
  static std::string make(Random& random) {
    static constexpr std::string_view pieces[] = {"a", "\"", "\\", "\n", "ä", "€", "😀", "[[ ## x ## ]]", "\0"};
    std::string out;
    for (auto i = below_number(random, 6); i > 0; --i) out += pieces[below_number(random, std::size(pieces))];
    return out;
  }
};

template <class E>
  requires std::is_enum_v<E>
struct Any<E> {
  static E make(Random& random) {
    const auto& all = reflection::enumerators_of_type<E>;
    return all[below_number(random, all.size())].value;
  }
};

template <>
struct Any<std::byte> {
  static std::byte make(Random& random) { return static_cast<std::byte>(random()); }
};

template <>
struct Any<std::monostate> {
  static std::monostate make(Random&) { return {}; }
};

template <class Rep, class Period>
struct Any<std::chrono::duration<Rep, Period>> {
  static auto make(Random& random) {
    const auto limit =
        static_cast<std::int64_t>(9e9 * static_cast<double>(Period::den) / static_cast<double>(Period::num));
    return std::chrono::duration<Rep, Period>(
        static_cast<Rep>(std::uniform_int_distribution<std::int64_t>(-limit, limit)(random)));
  }
};

template <class Clock, class D>
struct Any<std::chrono::time_point<Clock, D>> {
  static auto make(Random& random) { return std::chrono::time_point<Clock, D>(any<D>(random)); }
};

template <>
struct Any<std::chrono::year_month_day> {
  static auto make(Random& random) { return std::chrono::year_month_day(any<std::chrono::sys_days>(random)); }
};

template <>
struct Any<DateTime> {
  static DateTime make(Random& random) {
    DateTime out{.local = any<decltype(DateTime::local)>(random)};
    if (below_number(random, 3) != 0)
      out.offset = std::chrono::minutes(std::uniform_int_distribution(-1439, 1439)(random));
    return out;
  }
};

template <>
struct Any<Time> {
  static Time make(Random& random) {
    Time out{.since_midnight = std::chrono::microseconds(below_number(random, 86'400'000'000))};
    if (below_number(random, 3) != 0)
      out.offset = std::chrono::minutes(std::uniform_int_distribution(-1439, 1439)(random));
    return out;
  }
};

template <class T>
struct Any<std::optional<T>> {
  static std::optional<T> make(Random& random) {
    if (below_number(random, 3) == 0) return std::nullopt;
    return any<T>(random);
  }
};

template <class Items>
Items any_items(Random& random) {
  Items out;
  for (auto i = below_number(random, 5); i > 0; --i) out.insert(out.end(), any<typename Items::value_type>(random));
  return out;
}

template <class T>
struct Any<std::vector<T>> {
  static auto make(Random& random) { return any_items<std::vector<T>>(random); }
};
template <class T>
struct Any<std::set<T>> {
  static auto make(Random& random) { return any_items<std::set<T>>(random); }
};
template <class T>
struct Any<std::unordered_set<T>> {
  static auto make(Random& random) { return any_items<std::unordered_set<T>>(random); }
};
template <class K, class T>
struct Any<std::map<K, T>> {
  static auto make(Random& random) {
    std::map<K, T> out;
    for (auto i = below_number(random, 5); i > 0; --i) out.emplace(any<K>(random), any<T>(random));
    return out;
  }
};
template <class K, class T>
struct Any<std::unordered_map<K, T>> {
  static auto make(Random& random) {
    const auto sorted = any<std::map<K, T>>(random);
    return std::unordered_map<K, T>(sorted.begin(), sorted.end());
  }
};
template <class T, std::size_t N>
struct Any<std::array<T, N>> {
  static auto make(Random& random) {
    std::array<T, N> out{};
    for (auto& item : out) item = any<T>(random);
    return out;
  }
};
template <class... Ts>
struct Any<std::tuple<Ts...>> {
  static auto make(Random& random) { return std::tuple<Ts...>{any<Ts>(random)...}; }
};
template <class A, class B>
struct Any<std::pair<A, B>> {
  static auto make(Random& random) { return std::pair<A, B>{any<A>(random), any<B>(random)}; }
};
template <class... Ts>
struct Any<std::variant<Ts...>> {
  static auto make(Random& random) {
    using Make = std::variant<Ts...> (*)(Random&);
    static constexpr Make makers[] = {
        [](Random& r) { return std::variant<Ts...>(std::in_place_type<Ts>, any<Ts>(r)); }...};
    return makers[below_number(random, sizeof...(Ts))](random);
  }
};

template <>
struct Any<Point> {
  static Point make(Random& random) { return {std::abs(any<float>(random)) / 2, any<double>(random)}; }
};
template <>
struct Any<Circle> {
  static Circle make(Random& random) { return {any<Point>(random), any<double>(random)}; }
};
template <>
struct Any<Square> {
  static Square make(Random& random) { return {any<Point>(random), any<double>(random)}; }
};
template <class T>
struct Any<Box<T>> {
  static Box<T> make(Random& random) { return {any<T>(random)}; }
};
template <>
struct Any<Node> {
  static Node make(Random& random) {
    Node out{any<std::int64_t>(random)};
    if (below_number(random, 2) == 0) out.children = {make(random), {7, {}}};
    return out;
  }
};
template <>
struct Any<Link> {
  static Link make(Random& random) {
    Link out{any<std::string>(random), nullptr};
    if (below_number(random, 3) != 0) out.next = std::make_unique<Link>(make(random));
    return out;
  }
};
template <>
struct Any<Json> {
  static Json make(Random& random) {
    switch (below_number(random, 7)) {
      case 0: return nullptr;
      case 1: return any<bool>(random);
      case 2: return any<std::int64_t>(random);
      case 3: return any<double>(random);
      case 4: return JsonArray{any<Json>(random), any<Json>(random)};
      case 5: return JsonObject{{any<std::string>(random), any<Json>(random)}};
      default: return Json(any<std::string>(random));
    }
  }
};
template <>
struct Any<JsonObject> {
  static JsonObject make(Random& random) { return {{any<std::string>(random), any<Json>(random)}}; }
};
template <>
struct Any<JsonArray> {
  static JsonArray make(Random& random) { return {any<Json>(random), any<Json>(random)}; }
};
template <>
struct Any<Image> {
  static Image make(Random& random) {
    Image out{.media_type = any<std::optional<std::string>>(random)};
    switch (below_number(random, 3)) {
      case 0: out.url = "https://a.b/" + any<std::string>(random); break;
      case 1: out.path = any<std::string>(random); break;
      default: out.data = any<Bytes>(random);
    }
    return out;
  }
};
template <>
struct Any<Audio> {
  static Audio make(Random& random) { return {.data = any<Bytes>(random), .audio_format = "wav"}; }
};
template <>
struct Any<File> {
  static File make(Random& random) {
    return {.file_id = any<std::string>(random), .filename = any<std::optional<std::string>>(random)};
  }
};
template <>
struct Any<Document> {
  static Document make(Random& random) {
    return {.data = any<std::string>(random), .title = any<std::optional<std::string>>(random)};
  }
};
template <>
struct Any<Citations> {
  static Citations make(Random& random) {
    return {{{.cited_text = any<std::string>(random), .document_index = 2, .end_char_index = 9},
             {.cited_text = "x", .document_title = any<std::optional<std::string>>(random)}}};
  }
};
template <>
struct Any<Tool> {
  static Tool make(Random& random) { return {any<std::string>(random), std::nullopt, any<JsonObject>(random)}; }
};
template <>
struct Any<ToolCalls> {
  static ToolCalls make(Random& random) {
    ToolCalls out{.tool_calls = {{any<std::optional<std::string>>(random), "f", any<JsonObject>(random)}}};
    if (any<bool>(random)) out.tool_call_results = {{"1", std::nullopt, any<Json>(random), any<bool>(random)}};
    return out;
  }
};
template <>
struct Any<Reasoning> {
  static Reasoning make(Random& random) { return {any<std::string>(random)}; }
};
template <Language Name>
struct Any<Code<Name>> {
  static Code<Name> make(Random& random) { return {any<std::string>(random)}; }
};

template <class T>
void check_round_trip(std::string_view notation) {
  CAPTURE(notation);
  const auto type = type_of<T>();
  CHECK(to_notation(type) == notation);
  CHECK_NOTHROW(validate(type));
  CHECK(Type::parse(to_notation(type)) == type);

  Random random(7);
  for (int i = 0; i < 200; ++i) {
    const auto value = any<T>(random);
    const auto json = to_value(value);
    CAPTURE(to_text(json));
    const auto text = parse_json(to_text(json));
    REQUIRE(text);
    const auto fitted = fit(type, *text);
    if (!fitted) FAIL(to_sentence(fitted.error()));
    CHECK(*fitted == json);
    CHECK(from_value<T>(*fitted) == value);
  }
}

}  // namespace

TEST_CASE("Plain values go to JSON and come back the same") {
  check_round_trip<std::string>("str");
  check_round_trip<bool>("bool");
  check_round_trip<std::int64_t>("int");
  check_round_trip<double>("float");
  check_round_trip<float>("float");
  check_round_trip<std::monostate>("None");
  check_round_trip<Shade>("Literal['dark', 'light']");
  check_round_trip<Urgency>(
      "Annotated[Literal['low', 'high'], Field(title='Urgency', labels=['can wait', 'today, please'])]");
  check_round_trip<Json>("Any");
  check_round_trip<JsonObject>("dict[str, Any]");
  check_round_trip<JsonArray>("list[Any]");
}

TEST_CASE("Integers have the bounds of their C++ type, as far as 64 signed bits go") {
  check_round_trip<std::int8_t>("Annotated[int, Field(ge=-128, le=127)]");
  check_round_trip<std::uint8_t>("Annotated[int, Field(ge=0, le=255)]");
  check_round_trip<std::int16_t>("Annotated[int, Field(ge=-32768, le=32767)]");
  check_round_trip<std::uint16_t>("Annotated[int, Field(ge=0, le=65535)]");
  check_round_trip<int>("Annotated[int, Field(ge=-2147483648, le=2147483647)]");
  check_round_trip<std::uint32_t>("Annotated[int, Field(ge=0, le=4294967295)]");
  check_round_trip<std::uint64_t>("Annotated[int, Field(ge=0)]");
  check_round_trip<std::optional<std::int8_t>>("Optional[Annotated[int, Field(ge=-128, le=127)]]");
  check_round_trip<std::map<std::uint8_t, bool>>("dict[Annotated[int, Field(ge=0, le=255)], bool]");

  CHECK(fit(type_of<std::uint8_t>(), 256).error() == Violations{{"", "le", 256, "is 256, above the maximum 255"}});
  CHECK(fit(type_of<std::vector<std::uint64_t>>(), JsonArray{1, -1}).error() ==
        Violations{{"[1]", "ge", -1, "is -1, below the minimum 0"}});
  CHECK(fit(type_of<int>(), 2'147'483'648).error()[0].rule == "le");
}

TEST_CASE("Of a variant, the first alternative is taken that the value has as it stands") {
  using Value = std::variant<double, std::int64_t, bool>;
  CHECK(std::get<std::int64_t>(from_value<Value>(2)) == 2);
  CHECK(std::get<double>(from_value<Value>(2.0)) == 2.0);
  using Shape = std::variant<Wide, Narrow>;
  CHECK(from_value<Shape>(JsonObject{{"a", 1.5}, {"b", nullptr}}).index() == 0);
  CHECK(from_value<Shape>(JsonObject{{"a", 1.5}}).index() == 1);
}

TEST_CASE("Containers go to JSON and come back the same") {
  check_round_trip<std::optional<std::int64_t>>("Optional[int]");
  check_round_trip<std::vector<std::string>>("list[str]");
  check_round_trip<std::vector<bool>>("list[bool]");
  check_round_trip<Bytes>("bytes");
  check_round_trip<std::array<std::int64_t, 3>>("Annotated[list[int], Field(min_length=3, max_length=3)]");
  check_round_trip<std::array<std::string, 0>>("Annotated[list[str], Field(min_length=0, max_length=0)]");
  check_round_trip<std::set<std::string>>("set[str]");
  check_round_trip<std::unordered_set<std::int64_t>>("set[int]");
  check_round_trip<std::map<std::string, double>>("dict[str, float]");
  check_round_trip<std::map<std::int64_t, std::string>>("dict[int, str]");
  check_round_trip<std::map<Shade, std::vector<std::int64_t>>>("dict[Literal['dark', 'light'], list[int]]");
  check_round_trip<std::unordered_map<std::string, std::optional<bool>>>("dict[str, Optional[bool]]");
  check_round_trip<std::tuple<std::int64_t, std::string, bool>>("tuple[int, str, bool]");
  check_round_trip<std::tuple<>>("tuple[()]");
  check_round_trip<std::pair<std::string, double>>("tuple[str, float]");
  check_round_trip<std::variant<std::int64_t, std::string>>("Union[int, str]");
  check_round_trip<std::variant<double, std::int64_t, bool>>("Union[float, int, bool]");
  check_round_trip<std::variant<std::monostate, std::vector<std::int64_t>>>("Optional[list[int]]");
}

TEST_CASE("Dates, times and durations go to JSON and come back the same") {
  using namespace std::chrono;
  check_round_trip<year_month_day>("date");
  check_round_trip<sys_days>("date");
  check_round_trip<local_days>("date");
  check_round_trip<sys_seconds>("datetime");
  check_round_trip<sys_time<nanoseconds>>("datetime");
  check_round_trip<sys_time<hours>>("datetime");
  check_round_trip<local_time<milliseconds>>("datetime");
  check_round_trip<DateTime>("datetime");
  check_round_trip<Time>("time");
  check_round_trip<seconds>("timedelta");
  check_round_trip<nanoseconds>("timedelta");
  check_round_trip<minutes>("timedelta");
  check_round_trip<weeks>("timedelta");
  check_round_trip<duration<double>>("timedelta");
}

TEST_CASE("Structs go to JSON and come back the same, also within each other") {
  check_round_trip<Point>("Point{x: Annotated[float, Field(ge=0, desc='To the right.')], y: float}");
  check_round_trip<Node>("Node{value: int, children: list[Node]}");
  check_round_trip<Link>("Link{name: str, next: Optional[Link]}");
  check_round_trip<std::variant<Circle, Square>>(
      "Union[Circle{centre: Point{x: Annotated[float, Field(ge=0, desc='To the right.')], y: float}, radius: float}, "
      "Square{corner: Point, side: float}]");
  check_round_trip<Box<Box<std::int64_t>>>("Box{content: Box{content: int}}");
  check_round_trip<Box<Json>>("Box{content: Any}");
  check_round_trip<std::vector<std::optional<Box<Node>>>>(
      "list[Optional[Box{content: Node{value: int, children: list[Node]}}]]");
}

TEST_CASE("DSPy's own types go to JSON and come back the same") {
  check_round_trip<Image>("Image");
  check_round_trip<Audio>("Audio");
  check_round_trip<File>("File");
  check_round_trip<Document>("Document");
  check_round_trip<Citations>("Citations");
  check_round_trip<Tool>("Tool");
  check_round_trip<ToolCalls>("ToolCalls");
  check_round_trip<Reasoning>("Reasoning");
  check_round_trip<Code<>>("Code");
  check_round_trip<Code<"python">>("Code['python']");
}

TEST_CASE("A conversation is a value like any other") {
  History history;
  history.append({{"question", "Who?"}}, Prediction{.data = {{"answer", "Jane"}}});
  const auto json = to_value(history);

  CHECK(to_text(json) == R"({"messages":[{"question":"Who?","answer":"Jane"}]})");
  CHECK(type_of<History>() == Type::parse("History"));
  CHECK(fit(type_of<History>(), json) == json);
  CHECK(from_value<History>(json).turns.at(0).data == history.turns[0].data);
}

TEST_CASE("Values that a C++ type cannot hold are refused with their place") {
  struct Case {
    std::function<void()> work;
    std::string_view message;
  };
  using namespace std::chrono;
  const auto json = [](std::string_view text) { return parse_json(text).value(); };
  struct Deep {
    std::vector<std::map<std::string, std::int8_t>> rows;
    std::optional<Point> point;
  };
  const std::vector<Case> cases = {
      {[&] { from_values<Deep>(json(R"({"rows":[{},{"a b":1,"x":200}]})").as_object()); },
       "the field `rows[1].x` is 200, beyond its C++ type (-128 to 127); widen the type, or give the field limits"},
      {[&] { from_values<Deep>(json(R"({"rows":[{"a b":"x"}]})").as_object()); },
       "the field `rows[0][\"a b\"]` is a string, not an integer"},
      {[&] { from_values<Deep>(json(R"({"point":{"x":"1"}})").as_object()); },
       "the field `point.x` is a string, not a number"},
      {[&] { from_values<Deep>(json(R"({"point":[1]})").as_object()); }, "the field `point` is a list, not an object"},
      {[&] { from_value<std::vector<std::array<int, 2>>>(json("[[1,2],[1]]")); }, "the field `[1]` has 1 item, not 2"},
      {[&] { from_value<std::tuple<int, std::string>>(json("[1,2]")); }, "the field `[1]` is an integer, not a string"},
      {[&] { from_value<std::tuple<int>>(json("[1,2]")); }, "the value has 2 items, not 1"},
      {[&] { from_value<std::map<int, int>>(json(R"({"x":1})")); },
       "the field `x` has the key `x`, which is not an integer of its C++ type"},
      {[&] { from_value<std::variant<int, Point>>(json("true")); },
       "the value is a boolean, which fits none of `int` or `Point`"},
      {[&] { from_value<std::monostate>(json("1")); }, "the value is an integer, not null"},
      {[&] { from_value<JsonObject>(json("1")); }, "the value is an integer, not an object"},
      {[&] { from_value<JsonArray>(json("{}")); }, "the value is an object, not a list"},
      {[&] { from_value<Bytes>(json(R"("?")")); }, "the value is `?`, not base64 text"},
      {[&] { from_value<year_month_day>(json(R"("2026-02-30")")); },
       "the value is `2026-02-30`, not a date such as `2026-11-21`"},
      {[&] { from_value<sys_seconds>(json(R"("2026-02-03T10:00:00.5Z")")); },
       "the value is finer than its C++ type; use a duration such as std::chrono::nanoseconds"},
      {[&] { from_value<hours>(json(R"("PT90M")")); },
       "the value is finer than its C++ type; use a duration such as std::chrono::nanoseconds"},
      {[&] { from_value<nanoseconds>(json(R"("P200000D")")); },
       "the value is a time beyond its C++ type; use a coarser one, such as std::chrono::seconds"},
      {[&] { from_value<local_seconds>(json(R"("2026-02-03T10:00:00Z")")); },
       "the value is `2026-02-03T10:00:00Z`, which has an offset; use std::chrono::sys_time or dspy::DateTime for it"},
      {[&] { from_value<sys_seconds>(json("3")); }, "the value is an integer, not a date and time"},
      {[&] { from_value<seconds>(json(R"("1h")")); }, "the value is `1h`, not a duration such as `PT1H30M`"},
      {[&] { to_value(year_month_day{}); }, "the value is not a date within the years 1 to 9999; initialise it"},
      {[&] { from_value<DateTime>(json(R"("2026-02-03T10:00:00.0000001Z")")); },
       "the value is finer than its C++ type; use a duration such as std::chrono::nanoseconds"},
      {[&] { to_value(DateTime{.offset = hours(24)}); },
       "the value has an offset from UTC of a day or more; initialise it"},
      {[&] { to_value(DateTime{.local = decltype(DateTime::local)::min(), .offset = hours(1)}); },
       "the value is a time outside of the years 1 to 9999; initialise it"},
      {[&] { to_value(sys_time<weeks>(weeks(1'000'000))); },
       "the value is a time outside of the years 1 to 9999; initialise it"},
      {[&] { from_value<Time>(json(R"("14:30 Z")")); }, "the value is `14:30 Z`, not a time of day such as `06:48:00`"},
      {[&] { from_value<Time>(json("14")); }, "the value is an integer, not a time of day"},
      {[&] { from_value<Time>(json(R"("14:30:00.0000001")")); },
       "the value is finer than its C++ type; use a duration such as std::chrono::nanoseconds"},
      {[&] { to_value(Time{.since_midnight = hours(24)}); }, "the value is not a time within a day; initialise it"},
      {[&] { to_value(Time{.since_midnight = -1us}); }, "the value is not a time within a day; initialise it"},
      {[&] { to_value(Time{.offset = -hours(24)}); },
       "the value has an offset from UTC of a day or more; initialise it"},
      {[&] { to_value(duration<double>(std::numeric_limits<double>::infinity())); },
       "the value is a time beyond its C++ type; use a coarser one, such as std::chrono::seconds"},
      {[&] { to_value(std::vector<Shade>{Shade::dark, Shade{4}}); },
       "the input `[1]` holds 4, which is not an enumerator of its enumeration; initialise it"},
      {[&] { to_value(std::map<std::string, Shade>{{"k", Shade{4}}}); },
       "the input `k` holds 4, which is not an enumerator of its enumeration; initialise it"},
      {[&] { to_value(Box<std::tuple<int, Shade>>{{1, Shade{4}}}); },
       "the input `content[1]` holds 4, which is not an enumerator of its enumeration; initialise it"},
      {[&] { from_value<History>(json("{}")); }, "the value has no list `messages`"},
      {[&] { from_value<History>(json(R"({"messages":[1]})")); },
       "the value has a message that is an integer, not an object"},
      {[&] { type_of<std::variant<int, long>>(); },
       "two alternatives of a std::variant are `int`, so JSON cannot tell them apart; keep one"},
      {[&] { type_of<std::variant<Measured<std::int64_t>, Counted<int>>>(); },
       "the alternatives `Measured` and `Counted` of a std::variant look alike, so JSON cannot tell them apart; keep "
       "one, or give one a member that the other lacks"},
  };
  for (const auto& [work, message] : cases) {
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(work(), message.data(), Error);
  }
}

TEST_CASE("A time goes from JSON to C++ and back with its offset, or as the same moment, or is refused") {
  using namespace std::chrono;
  struct Case {
    std::string_view text;
    std::string_view with_offset;  ///< What `DateTime` writes.
    std::string_view moment;       ///< What `sys_time` writes, and `DateTime::to_sys` is.
  };
  const Case cases[] = {
      {"2026-11-21T06:48:00Z", "2026-11-21T06:48:00Z", "2026-11-21T06:48:00Z"},
      {"2026-11-21T06:48:00+02:00", "2026-11-21T06:48:00+02:00", "2026-11-21T04:48:00Z"},
      {"2026-11-21T23:30:00.25-05:30", "2026-11-21T23:30:00.25-05:30", "2026-11-22T05:00:00.25Z"},
      {"2026-01-01T00:15:00+14:00", "2026-01-01T00:15:00+14:00", "2025-12-31T10:15:00Z"},
      {"1969-12-31T23:59:59.5-00:30", "1969-12-31T23:59:59.5-00:30", "1970-01-01T00:29:59.5Z"},
      {"2026-11-21 06:48+0530", "2026-11-21T06:48:00+05:30", "2026-11-21T01:18:00Z"},
      {"2026-11-21T06:48:00+00:00", "2026-11-21T06:48:00Z", "2026-11-21T06:48:00Z"},
      {"0001-01-01T00:00:00-23:59", "0001-01-01T00:00:00-23:59", "0001-01-01T23:59:00Z"},
      {"9999-12-31T23:59:59.999999+00:01", "9999-12-31T23:59:59.999999+00:01", "9999-12-31T23:58:59.999999Z"},
  };
  for (const auto& [text, with_offset, moment] : cases) {
    CAPTURE(text);
    const auto time = from_value<DateTime>(Json(text));
    CHECK(to_value(time) == Json(with_offset));
    REQUIRE(time.to_sys());
    CHECK(to_value(*time.to_sys()) == Json(moment));
    CHECK(to_value(from_value<sys_time<microseconds>>(Json(text))) == Json(moment));
    CHECK_THROWS_AS(from_value<local_time<microseconds>>(Json(text)), Error);
  }

  const Json open("2026-11-21T06:48:00");
  CHECK(to_value(from_value<DateTime>(open)) == open);
  CHECK_FALSE(from_value<DateTime>(open).to_sys());
  CHECK(to_value(from_value<local_seconds>(open)) == open);
}

TEST_CASE("A time of day is written with its seconds, and with its offset if it has one") {
  using namespace std::chrono;
  struct Case {
    std::string_view text;
    Time time;
    std::string_view written;
  };
  const Case cases[] = {
      {"14:30", {.since_midnight = 14h + 30min}, "14:30:00"},
      {"00:00:00Z", {.offset = 0min}, "00:00:00Z"},
      {"23:59:59.999999-23:59", {.since_midnight = 24h - 1us, .offset = -1439min}, "23:59:59.999999-23:59"},
      {"14:30:00.5+0530", {.since_midnight = 14h + 30min + 500ms, .offset = 330min}, "14:30:00.5+05:30"},
  };
  for (const auto& [text, time, written] : cases) {
    CAPTURE(text);
    CHECK(from_value<Time>(Json(text)) == time);
    CHECK(to_value(time) == Json(written));
  }
}

TEST_CASE("A time without an offset is taken for UTC, one with an offset is moved there") {
  using namespace std::chrono;
  CHECK(from_value<sys_seconds>(Json("2026-11-21T06:48:00")) == sys_days(2026y / 11 / 21) + 6h + 48min);
  CHECK(from_value<sys_seconds>(Json("2026-11-21T06:48:00+02:00")) == sys_days(2026y / 11 / 21) + 4h + 48min);
  CHECK(to_value(sys_time<milliseconds>(-1ms)) == Json("1969-12-31T23:59:59.999Z"));
  CHECK(to_value(duration<double>(0.9999999999)) == Json("PT1S"));
}

namespace {

enum class Way { by_air, by_sea, other };

struct Parcel {
  static constexpr auto type_name = "Package";

  std::string class_;
  Way way = Way::by_sea;
  std::map<std::string, std::int64_t> others;

  static constexpr auto fields = describe(field<&Parcel::class_>(named("class"), desc("First or second.")),
                                          field<&Parcel::others>(other_members{}, values(at_least{0})));
};

}  // namespace

template <>
inline constexpr auto dspy::enum_names<Way> =
    std::to_array<dspy::EnumName<Way>>({{Way::by_air, "by air"}, {Way::by_sea, "by sea"}});

TEST_CASE("Structs, members and enumerators can be called what C++ does not allow, and other members are kept") {
  CHECK(to_notation(type_of<Parcel>()) ==
        "Package{class: Annotated[str, Field(desc='First or second.')], way: Literal['by air', 'by sea', 'other'], "
        "**: Annotated[int, Field(ge=0)]}");

  const auto json = *parse_json(R"({"class": "1st", "way": "by air", "depth": 3, "width": 4})");
  const auto parcel = from_value<Parcel>(json);

  CHECK(parcel.class_ == "1st");
  CHECK(parcel.way == Way::by_air);
  CHECK(parcel.others == std::map<std::string, std::int64_t>{{"depth", 3}, {"width", 4}});
  CHECK(to_value(parcel) == json);

  auto clash = parcel;
  clash.others["way"] = 1;
  const auto written = attempt([&] { return to_value(clash); });
  REQUIRE_FALSE(written.has_value());
  CHECK(std::string_view(written.error().what()) ==
        "the value has another member `way`, which its struct names; take it out");
}

#if DSPY_REFLECTION

namespace {

enum class Lane { slow, fast[[= named("very fast")]] };

struct Car {
  [[ = named("class"), = desc("First or second.") ]] std::string class_;
  Lane lane = Lane::slow;
  [[= other_members{}]] std::map<std::string, std::int64_t> others;
};

}  // namespace

TEST_CASE("In C++26 the names stand at members and enumerators") {
  CHECK(to_notation(type_of<Car>()) ==
        "Car{class: Annotated[str, Field(desc='First or second.')], lane: Literal['slow', 'very fast'], **: int}");

  const auto json = *parse_json(R"({"class": "1st", "lane": "very fast", "depth": 3})");
  CHECK(to_value(from_value<Car>(json)) == json);
}

#endif
