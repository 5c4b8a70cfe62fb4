#include "dspy/base/error.hpp"
#include "dspy/signature/reflect.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using namespace dspy;

namespace {

struct Measures {
  std::vector<std::int64_t> scores;
  std::optional<std::vector<std::optional<std::string>>> words;
  std::map<std::string, double> weights;
  std::tuple<std::string, std::int64_t> place;
  std::variant<std::int64_t, std::string> either;
  std::vector<std::vector<std::int64_t>> deep;

  static constexpr auto fields = describe(field<&Measures::scores>(min_length{1}, items(between(0, 5))),
                                          field<&Measures::words>(items(max_length{3}, matches("^[a-z]+$"))),
                                          field<&Measures::weights>(keys(min_length{1}), values(above{0}, below{1})),
                                          field<&Measures::place>(item<0>(one_of("a", "b")), item<1>(multiple_of{5})),
                                          field<&Measures::either>(item<0>(at_least{0}), item<1>(min_length{1})),
                                          field<&Measures::deep>(items(items(at_most{9}))));
};

struct Misplaced {
  std::vector<std::string> words;

  static constexpr auto fields = describe(field<&Misplaced::words>(items(one_of("a"))));
};

}  // namespace

TEST_CASE("Limits can be noted on the parts of a value") {
  CHECK(to_notation(type_of<Measures>()) ==
        "Measures{scores: Annotated[list[Annotated[int, Field(ge=0, le=5)]], Field(min_length=1)], "
        "words: Optional[list[Optional[Annotated[str, Field(max_length=3, pattern='^[a-z]+$')]]]], "
        "weights: dict[Annotated[str, Field(min_length=1)], Annotated[float, Field(gt=0, lt=1)]], "
        "place: tuple[Literal['a', 'b'], Annotated[int, Field(multiple_of=5)]], "
        "either: Union[Annotated[int, Field(ge=0)], Annotated[str, Field(min_length=1)]], "
        "deep: list[list[Annotated[int, Field(le=9)]]]}");
  CHECK(to_notation(type_of<Misplaced>()) == "Misplaced{words: list[Literal['a']]}");
}

TEST_CASE("A note on a part that the type does not have is an error") {
  Field field = make_field("word");

  const auto result = attempt([&] { items(max_length{1}).apply(field); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::signature_error);
  CHECK(std::string_view(result.error().what()).contains("part 0 of `str`, which has 0"));
}
