// Types and signatures as JSON Schema, in one of its dialects.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "schema_restrict.hpp"
#include "schema_writer.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr std::array dialects = {SchemaDialect::json_schema, SchemaDialect::openai, SchemaDialect::anthropic,
                                 SchemaDialect::gemini, SchemaDialect::llama};

ExportedSchema in_dialect(ExportedSchema whole, SchemaDialect dialect) {
  if (dialect == SchemaDialect::json_schema) {
    JsonObject root{{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
    root.insert(whole.schema.begin(), whole.schema.end());
    return {std::move(root), std::move(whole.gaps)};
  }
  return json_schema::restrict(std::move(whole), json_schema::rules_for(dialect));
}

}  // namespace

std::string_view to_string(SchemaDialect dialect) noexcept {
  switch (dialect) {
    case SchemaDialect::json_schema: return "json_schema";
    case SchemaDialect::openai: return "openai";
    case SchemaDialect::anthropic: return "anthropic";
    case SchemaDialect::gemini: return "gemini";
    case SchemaDialect::llama: return "llama";
  }
  return "json_schema";
}

SchemaDialect schema_dialect(std::string_view name) {
  std::vector<std::string> names;
  for (const auto dialect : dialects) {
    if (to_string(dialect) == name) return dialect;
    names.emplace_back(to_string(dialect));
  }
  throw Error(Errc::config_error,
              std::format("there is no dialect `{}` of JSON Schema; use {}", name, text::enumerate(names, "`")));
}

bool ExportedSchema::is_accepted() const noexcept {
  return std::ranges::none_of(gaps, &SchemaGap::refused);
}

ExportedSchema to_json_schema(const Type& type, SchemaDialect dialect) {
  validate(type);
  return in_dialect(json_schema::write(type), dialect);
}

ExportedSchema to_json_schema(const Signature& signature, SchemaDialect dialect, Direction direction) {
  validate(signature);
  const auto& fields = direction == Direction::input ? signature.inputs : signature.outputs;
  return in_dialect(json_schema::write(fields), dialect);
}

}  // namespace dspy
