#include "dspy/signature/reflect.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

enum class Mood : signed char { bad = -1, neutral, good };

struct AllTypes {
  static constexpr auto instructions = "Fill in everything.";
  enum class Size { small, medium = 10, large = 200 };
  struct Input {
    std::string text;
    std::vector<std::string> passages;
  };
  struct Output {
    std::string answer;
    double confidence = 0;
    int count = 0;
    bool sure = false;
    Size size = Size::small;
    Mood mood = Mood::neutral;
    std::optional<int> maybe;
    std::vector<double> numbers;
    std::map<std::string, std::uint8_t> bytes;
    std::string kind;
    std::optional<std::string> other_kind;
  };
  static constexpr auto fields =
      describe(field<&Input::passages>(desc("Best first."), min_length{1}), field<&Output::answer>(max_length{80}),
               field<&Output::confidence>(desc("How sure you are."), between(0, 1)), field<&Output::count>(at_least{1}),
               field<&Output::maybe>(at_most{9}), field<&Output::sure>(label("Certain")),
               field<&Output::kind>(one_of("a", "b")), field<&Output::other_kind>(one_of("c")));
};

/// A note of a user's own.
struct shouted {
  constexpr void apply(Field& field) const { field.label += "!"; }
};

struct OwnNote {
  struct Input {
    std::string text;
  };
  struct Output {
    std::string reply;
  };
  static constexpr auto fields = describe(field<&Output::reply>(shouted{}));
};

enum class Status { ok = 200, not_found = 404 };
enum class Shuffled { third = 3, first = 1, second = 2, also_third = 3 };
enum class Small : std::uint8_t { zero, top = 255 };

}  // namespace

template <>
struct dspy::enum_range<Status> {
  static constexpr int first = 100;
  static constexpr int last = 599;
};

namespace {

struct Wide {
  static constexpr std::string_view instructions = "A view will do.";
  struct Input {};
  struct Output {
    std::uint64_t large = 0;
    std::int8_t tiny = 0;
    float narrow = 0;
    std::vector<std::vector<bool>> grid;
    std::unordered_map<std::string, std::optional<double>> sparse;
    std::vector<Shuffled> order;
    std::optional<Status> status;
    Small small = Small::zero;
  };
  static constexpr auto fields =
      describe(field<&Output::tiny>(default_value(7)), field<&Output::narrow>(default_value(0.5), at_most{1}),
               field<&Output::small>(default_value("top")), field<&Output::grid>(max_length{3}));
};

struct Contradictory {
  struct Input {};
  struct Output {
    int count = 0;
  };
  static constexpr auto fields = describe(field<&Output::count>(at_least{3}, at_most{1}));
};

#if DSPY_REFLECTION
struct Annotated {
  static constexpr auto instructions = "Fill in everything.";
  enum class Size { small, medium = 10, large = 200 };
  struct Input {
    std::string text;
    [[ = desc("Best first."), = min_length{1} ]] std::vector<std::string> passages;
  };
  struct Output {
    [[= max_length{80}]] std::string answer;
    [[ = desc("How sure you are."), = between(0, 1) ]] double confidence = 0;
    [[= at_least{1}]] int count = 0;
    [[= label("Certain")]] bool sure = false;
    Size size = Size::small;
    Mood mood = Mood::neutral;
    [[= at_most{9}]] std::optional<int> maybe;
    std::vector<double> numbers;
    std::map<std::string, std::uint8_t> bytes;
    [[= one_of("a", "b")]] std::string kind;
    [[= one_of("c")]] std::optional<std::string> other_kind;
  };
};
#endif

}  // namespace

TEST_CASE("A struct is read into the signature that its text would give") {
  const auto& signature = signature_of<AllTypes>();

  CHECK(
      to_notation(signature) ==
      "text: str, passages: Annotated[list[str], Field(min_length=1)] -> answer: Annotated[str, Field(max_length=80)], "
      "confidence: Annotated[float, Field(ge=0, le=1)], count: Annotated[int, Field(ge=1, le=2147483647)], sure: bool, "
      "size: Literal['small', 'medium', 'large'], mood: Literal['bad', 'neutral', 'good'], "
      "maybe: Optional[Annotated[int, Field(ge=-2147483648, le=9)]], "
      "numbers: list[float], bytes: dict[str, Annotated[int, Field(ge=0, le=255)]], kind: Literal['a', 'b'], "
      "other_kind: Optional[Literal['c']]");
  CHECK(signature.instructions == "Fill in everything.");
  CHECK(signature.find("passages")->description == "Best first.");
  CHECK(signature.find("passages")->limits().min_length == 1);
  CHECK(signature.find("answer")->limits().max_length == 80);
  CHECK(signature.find("confidence")->limits().ge == Number(0));
  CHECK(signature.find("confidence")->limits().le == Number(1));
  CHECK(signature.find("count")->limits().ge == Number(1));
  CHECK(signature.find("maybe")->limits().le == Number(9));
  CHECK(signature.find("sure")->label == "Certain");
  CHECK(signature.find("other_kind")->label == "Other kind");
}

TEST_CASE("A signature is built once and shared") {
  CHECK(shared_signature_of<AllTypes>() == shared_signature_of<AllTypes>());
  CHECK(&signature_of<AllTypes>() == shared_signature_of<AllTypes>().get());
}

TEST_CASE("Users add notes of their own") {
  CHECK(signature_of<OwnNote>().outputs[0].label == "Reply!");
}

TEST_CASE("Values go to JSON and come back the same") {
  const AllTypes::Output output{.answer = "x",
                                .confidence = 0.25,
                                .count = -3,
                                .sure = true,
                                .size = AllTypes::Size::large,
                                .mood = Mood::bad,
                                .maybe = 7,
                                .numbers = {1, 2.5},
                                .bytes = {{"k", std::uint8_t{255}}},
                                .kind = "a",
                                .other_kind = std::nullopt};

  const auto values = to_values(output);

  CHECK(to_text(values) ==
        R"({"answer":"x","confidence":0.25,"count":-3,"sure":true,"size":"large","mood":"bad","maybe":7,)"
        R"("numbers":[1.0,2.5],"bytes":{"k":255},"kind":"a","other_kind":null})");
  const auto back = from_values<AllTypes::Output>(values);
  CHECK(to_values(back) == values);
  CHECK(back.size == AllTypes::Size::large);
  CHECK(back.mood == Mood::bad);
}

TEST_CASE("Unusual types are read like the others") {
  CHECK(to_notation(signature_of<Wide>()) ==
        "-> large: Annotated[int, Field(ge=0)], tiny: Annotated[int, Field(ge=-128, le=127)] = 7, "
        "narrow: Annotated[float, Field(le=1)] = 0.5, "
        "grid: Annotated[list[list[bool]], Field(max_length=3)], sparse: dict[str, Optional[float]], "
        "order: list[Literal['first', 'second', 'third']], status: Optional[Literal['ok', 'not_found']], "
        "small: Literal['zero', 'top'] = 'top'");
  CHECK(signature_of<Wide>().instructions == "A view will do.");
  CHECK(signature_of<Wide>().find("tiny")->default_value == Json(7));
  CHECK_FALSE(signature_of<Wide>().find("narrow")->is_required());
  CHECK(signature_of<Wide>().find("small")->default_value == Json("top"));

  const Wide::Output output{.large = 3,
                            .tiny = -128,
                            .narrow = 0.25F,
                            .grid = {{true, false}, {}},
                            .sparse = {{"a", 1.5}},
                            .order = {Shuffled::third, Shuffled::first},
                            .status = Status::not_found,
                            .small = Small::top};
  const auto values = to_values(output);
  CHECK(to_text(values) == R"({"large":3,"tiny":-128,"narrow":0.25,"grid":[[true,false],[]],"sparse":{"a":1.5},)"
                           R"("order":["third","first"],"status":"not_found","small":"top"})");
  CHECK(to_values(from_values<Wide::Output>(values)) == values);
}

TEST_CASE("A note never widens a C++ type, and takes the place of a bound that it implies") {
  struct Case {
    Limits added;
    std::string_view notation;
  };
  const std::vector<Case> cases = {
      {{.ge = -1000, .le = 100}, "Annotated[int, Field(ge=-128, le=100)]"},
      {{.ge = 0, .le = 1000}, "Annotated[int, Field(ge=0, le=127)]"},
      {{.gt = 0, .lt = 10}, "Annotated[int, Field(gt=0, lt=10)]"},
      {{.gt = -1000, .lt = 1000}, "Annotated[int, Field(gt=-1000, ge=-128, lt=1000, le=127)]"},
      {{.multiple_of = 5}, "Annotated[int, Field(ge=-128, le=127, multiple_of=5)]"},
  };
  for (const auto& [added, notation] : cases) {
    CAPTURE(notation);
    CHECK(to_notation(with_limits(type_of<std::int8_t>(), added)) == notation);
  }
}

TEST_CASE("Notes that contradict each other are an error at the first use") {
  CHECK_THROWS_WITH_AS(signature_of<Contradictory>(),
                       "the field `count` has limits that no value can meet, ge=3 and le=1; change one of them", Error);
}

TEST_CASE("What is absent keeps its initialiser, and what is unknown is passed over") {
  const auto output = from_values<AllTypes::Output>({{"answer", "x"}, {"unknown", 1}});

  CHECK(output.answer == "x");
  CHECK(output.size == AllTypes::Size::small);
  CHECK_FALSE(output.maybe.has_value());
}

TEST_CASE("A value that cannot become a member is refused by name") {
  struct Case {
    JsonObject values;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {{{"tiny", 128}},
       "the field `tiny` is 128, beyond its C++ type (-128 to 127); widen the type, or give the field limits"},
      {{{"large", -1}},
       "the field `large` is -1, beyond its C++ type (0 to 18446744073709551615); widen the type, or give the field "
       "limits"},
      {{{"tiny", 1.5}}, "the field `tiny` is a number, not an integer"},
      {{{"tiny", nullptr}}, "the field `tiny` is null, not an integer"},
      {{{"narrow", "1"}}, "the field `narrow` is a string, not a number"},
      {{{"grid", JsonArray{true}}}, "the field `grid[0]` is a boolean, not a list"},
      {{{"grid", JsonArray{JsonArray{1}}}}, "the field `grid[0][0]` is an integer, not a boolean"},
      {{{"sparse", JsonArray{}}}, "the field `sparse` is a list, not an object"},
      {{{"status", "gone"}}, "the field `status` is `gone`, which is not an enumerator of its enumeration"},
      {{{"status", 200}}, "the field `status` is an integer, not a string"},
  };
  for (const auto& [values, message] : cases) {
    CAPTURE(message);
    const auto result = attempt([&] { return from_values<Wide::Output>(values); });
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Errc::parse_error);
    CHECK(result.error().what() == message);
    CHECK(result.error().info().invalid.size() == 1);
  }
  CHECK_THROWS_WITH_AS(from_values<Wide::Output>({{"narrow", 1e300}}),
                       doctest::Contains("is 1e+300, beyond its C++ type (±3.40282e+38)"), Error);
}

TEST_CASE("A value that is not an enumerator is refused before it is sent") {
  AllTypes::Output output{};
  output.size = static_cast<AllTypes::Size>(77);

  CHECK_THROWS_WITH_AS(to_values(output),
                       "the input `size` holds 77, which is not an enumerator of its enumeration; initialise it",
                       Error);
}

TEST_CASE("An integer beyond 63 bits is not wrapped on its way out") {
  Wide::Output output;
  output.large = std::numeric_limits<std::uint64_t>::max();
  const auto values = to_values(output);

  CHECK(to_text(values.at("large")) == "18446744073709551615");
  CHECK(from_values<Wide::Output>(values).large == std::numeric_limits<std::uint64_t>::max());
  CHECK_FALSE(fit(*signature_of<Wide>().find("large"), values.at("large")));
}

TEST_CASE("Types declared inside a function are read like any other") {
  struct Local {
    enum class Side { left, right };
    struct Input {
      Side side;
    };
    struct Output {
      std::string answer;
    };
  };
  CHECK(to_notation(signature_of<Local>()) == "side: Literal['left', 'right'] -> answer: str");
}

#if DSPY_REFLECTION
TEST_CASE("Annotations say the same as the table") {
  CHECK(signature_of<Annotated>() == signature_of<AllTypes>());
}

#endif
