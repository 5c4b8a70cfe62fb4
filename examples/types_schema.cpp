// Types, JSON Schema and code: a schema from elsewhere becomes a type, a signature becomes a schema for a provider, and
// `to_cpp` writes what `dspy codegen` does.

#include <dspy/dspy.hpp>
#include <dspy/programs/codegen.hpp>
#include <dspy/signature/json_schema.hpp>

#include <iostream>

int main() {
  const auto schema = dspy::parse_json(R"({
    "title": "Contact", "type": "object", "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1},
                   "age": {"type": "integer", "minimum": 0},
                   "mail": {"type": "string", "contentMediaType": "text/plain"}}})");
  const auto imported = dspy::from_json_schema(schema.value());
  std::cout << dspy::to_notation(imported.type) << '\n';
  for (const auto& gap : imported.gaps) std::cout << "not kept, at " << gap.path << ": " << gap.message << '\n';

  const auto signature =
      dspy::Signature::parse("text -> contact: Contact, sure: bool", "Find the contact.", {{"Contact", imported.type}});
  std::cout << dspy::to_text(dspy::to_json_schema(signature).schema) << '\n';
  std::cout << dspy::to_cpp(signature, {.name = "FindContact"}) << '\n';
}
