#pragma once

#include "dspy/base/file.hpp"
#include "dspy/dspy.hpp"
#include "dspy/programs/codegen.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace dspy::test {

inline JsonObject part_of(const JsonObject& line, const std::vector<Field>& fields) {
  JsonObject out;
  for (const auto& field : fields) {
    if (const auto* value = line.if_contains(field.name)) out[field.name] = *value;
  }
  return out;
}

/// Holds a header to the file that it was made from: a signature, a blank line, and lines of values, each of which has
/// what the signature needs.
template <class S>
void check_round_trip(const std::string& source, const std::string& header, const std::string& name) {
  const auto text = read_file(source, 1 << 20);
  const auto end = text.find("\n\n");
  const auto signature = Signature::parse(text.substr(0, end));
  const auto& declared = signature_of<S>();

  CHECK(to_notation(declared) == to_notation(signature));
  CHECK(declared == signature);
  const auto file = source.substr(source.rfind('/') + 1);
  CHECK(to_cpp(declared, {.name = name, .name_space = "made", .source = file}) == read_file(header, 1 << 20));

  int lines = 0;
  for (auto rest = std::string_view(text).substr(end + 2); !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    CAPTURE(line);
    const auto values = parse_json(line);
    REQUIRE(values.has_value());
    const auto inputs = checked_inputs(signature, part_of(values->get_object(), signature.inputs));
    const auto outputs = fit(signature, part_of(values->get_object(), signature.outputs));
    REQUIRE_MESSAGE(outputs.has_value(), to_sentence(outputs.error()));

    CHECK(to_values(from_values<typename S::Input>(inputs)) == inputs);
    CHECK(to_values(from_values<typename S::Output>(*outputs)) == *outputs);
    ++lines;
  }
  CHECK(lines > 0);

  // What is left out has its default in C++ too.
  for (const auto& made : {attempt([] { return to_values(typename S::Input()); }),
                           attempt([] { return to_values(typename S::Output()); })}) {
    if (!made) continue;  // a date must be given
    for (const auto* side : {&signature.inputs, &signature.outputs}) {
      for (const auto& field : *side) {
        const auto* value = made->if_contains(field.name);
        if (value == nullptr || !field.default_value) continue;
        CAPTURE(field.name);
        CHECK(*value == *fit(field.type, *field.default_value));
      }
    }
  }
}

}  // namespace dspy::test
