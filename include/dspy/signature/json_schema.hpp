#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>
#include <vector>

// Types as JSON Schema (2020-12) and back.  Whatever one side cannot say is in `gaps`; nothing
// is left out in silence.  docs/guide/schemas.md lists what each dialect can say.

namespace dspy {

/// Who is to read a schema.
enum class SchemaDialect {
  json_schema,  ///< JSON Schema 2020-12, whole.
  openai,       ///< OpenAI's structured outputs in strict mode.
  anthropic,    ///< Anthropic's structured outputs and strict tools.
  gemini,       ///< Gemini's `responseJsonSchema`.
  llama,        ///< llama.cpp's conversion of a schema to a grammar.
};

std::string_view to_string(SchemaDialect dialect) noexcept;
/// Throws `Error` (`config_error`) that lists the names.
SchemaDialect schema_dialect(std::string_view name);

/// One thing that a type says and its schema does not, or the reverse.
struct SchemaGap {
  /// Of a type: `answer.lines[].price`, empty for the value itself.  Of a schema that was read:
  /// the JSON Pointer of the keyword.
  std::string path = {};
  std::string keyword = {};  ///< A JSON Schema keyword, otherwise the limit's or validator's name.
  std::string message = {};  ///< A sentence without its full stop.
  /// The dialect does not accept the schema as long as this is in the type.
  bool refused = false;

  bool operator==(const SchemaGap&) const = default;
};

struct ExportedSchema {
  JsonObject schema = {};
  std::vector<SchemaGap> gaps = {};

  /// False if the reader of that dialect would refuse the schema.
  bool is_accepted() const noexcept;
};

/// The schema that values of `type` keep.
ExportedSchema to_json_schema(const Type& type, SchemaDialect dialect = SchemaDialect::json_schema);

/// The schema of an object with the fields of one side: by default the outputs of a reply.
ExportedSchema to_json_schema(const Signature& signature, SchemaDialect dialect = SchemaDialect::json_schema,
                              Direction direction = Direction::output);

struct ImportedType {
  Type type = {};
  std::vector<SchemaGap> gaps = {};  ///< Where the type accepts more or less than the schema, and what was dropped.
};

struct SchemaImportOptions {
  /// Leaves out keywords that a type cannot say, each with a gap, instead of refusing the schema.
  bool allow_unsupported = false;
  std::string name = {};  ///< Of the object at the root, if its `title` gives none.
};

/// The type whose values satisfy `schema`.  Throws `Error` (`signature_error`) that names the first keyword that a type
/// cannot express (`not`, `patternProperties`, …), or that is unknown or misused, with its JSON Pointer and the
/// remedy.  References are followed within the schema only.
ImportedType from_json_schema(const Json& schema, const SchemaImportOptions& options = {});

/// The same from text; the error also has the byte position.
ImportedType parse_json_schema(std::string_view text, const SchemaImportOptions& options = {});

}  // namespace dspy
