#include "dspy/optimize/option_names.hpp"

#include <boost/pfr/tuple_size.hpp>
#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace dspy;

namespace {

/// How many members of a struct have a name of their own.
template <class Options>
std::size_t names_of() {
  Options options{};
  std::set<std::string> names;
  std::size_t count = 0;
  optimize::for_each_option(options, [&](const char* name, auto&) {
    names.insert(name);
    ++count;
  });
  CHECK(names.size() == count);
  return count;
}

template <class T>
constexpr std::size_t members_of = boost::pfr::tuple_size_v<T>;

}  // namespace

TEST_CASE("Every option of every optimizer has a name") {
  CHECK(names_of<LabeledFewShotOptions>() == members_of<LabeledFewShotOptions>);
  CHECK(names_of<BootstrapFewShotOptions>() == members_of<BootstrapFewShotOptions>);
  CHECK(names_of<RandomSearchOptions>() == members_of<RandomSearchOptions>);
  CHECK(names_of<BootstrapOptunaOptions>() == members_of<BootstrapOptunaOptions>);
  CHECK(names_of<MiproOptions>() == members_of<MiproOptions>);
  CHECK(names_of<CoproOptions>() == members_of<CoproOptions>);
  CHECK(names_of<SimbaOptions>() == members_of<SimbaOptions>);
  CHECK(names_of<InferRulesOptions>() == members_of<InferRulesOptions>);
  CHECK(names_of<ReAnchorOptions>() == members_of<ReAnchorOptions>);
  CHECK(names_of<BetterTogetherOptions>() == members_of<BetterTogetherOptions>);
  // Those with options in groups.
  CHECK(names_of<GepaOptions>() == members_of<GepaOptions> - 1 + members_of<InstructionProposerOptions>);
  CHECK(names_of<KnnFewShotOptions>() == members_of<KnnFewShotOptions> - 1 + members_of<BootstrapFewShotOptions>);
  CHECK(names_of<BootstrapFinetuneOptions>() == members_of<BootstrapFinetuneOptions> - 1 + members_of<TrainerCommand>);
}

TEST_CASE("The values of an option that is one of a few are found by name") {
  for (const auto& [name, effort] : optimize::values_of<Effort>()) CHECK(to_string(effort) == name);
  CHECK(optimize::values_of<GepaOptions::Frontier>().size() == 4);
  CHECK(optimize::values_of<GepaOptions::Selection>()[1].second == GepaOptions::Selection::current_best);
  CHECK(optimize::values_of<GepaOptions::Components>()[1].first == "all");
}
