#include "dspy/signature/reflect.hpp"

#include <doctest/doctest.h>

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

struct TwiceDescribed {
  struct Input {
    std::string text;
  };
  struct Output {
    [[= desc("Here.")]] std::string reply;
  };
  static constexpr auto fields = describe(field<&Output::reply>(desc("And here.")));
};
#endif

}  // namespace

TEST_CASE("A struct is read into the signature that its text would give") {
  const auto& signature = signature_of<AllTypes>();

  CHECK(to_notation(signature) ==
        "text: str, passages: list[str] -> answer: str, confidence: float, count: int, sure: bool, "
        "size: Literal['small', 'medium', 'large'], mood: Literal['bad', 'neutral', 'good'], maybe: Optional[int], "
        "numbers: list[float], bytes: dict[str, int], kind: Literal['a', 'b'], other_kind: Optional[Literal['c']]");
  CHECK(signature.instructions == "Fill in everything.");
  CHECK(signature.find("passages")->description == "Best first.");
  CHECK(signature.find("passages")->min_length == 1);
  CHECK(signature.find("answer")->max_length == 80);
  CHECK(signature.find("confidence")->minimum == 0.0);
  CHECK(signature.find("confidence")->maximum == 1.0);
  CHECK(signature.find("count")->minimum == 1.0);
  CHECK(signature.find("maybe")->maximum == 9.0);
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

TEST_CASE("What is absent keeps its initialiser, and a number out of range is refused") {
  const auto output = from_values<AllTypes::Output>({{"answer", "x"}});
  CHECK(output.size == AllTypes::Size::small);
  CHECK_FALSE(output.maybe.has_value());
  const auto result = attempt([] { return from_values<AllTypes::Output>({{"bytes", {{"k", 256}}}}); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::parse_error);
}

TEST_CASE("A value that is no enumerator is refused before it is sent") {
  AllTypes::Output output{};
  output.size = static_cast<AllTypes::Size>(77);
  CHECK_THROWS_AS(to_values(output), Error);
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

TEST_CASE("A field that is described in both places is refused") {
  CHECK_THROWS_AS(signature_of<TwiceDescribed>(), Error);
}
#endif
