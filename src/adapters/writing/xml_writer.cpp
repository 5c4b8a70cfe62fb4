#include "adapters/writing/xml_writer.hpp"

#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/sections/xml_names.hpp"
#include "adapters/sections/xml_text.hpp"
#include "adapters/writing/clear_text.hpp"
#include "adapters/writing/prompt_format.hpp"
#include "adapters/writing/value_text.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

constexpr std::string_view blanks = " \t\r\n\v\f";

/// Text whose white space at the ends counts, since reading takes it away.
void append_leaf_text(std::string& out, std::string_view text) {
  const auto first = std::min(text.find_first_not_of(blanks), text.size());
  const auto last = first == text.size() ? first : text.find_last_not_of(blanks) + 1;
  for (const char c : text.substr(0, first)) append_numeric_entity(out, c);
  append_escaped_xml(out, text.substr(first, last - first));
  for (const char c : text.substr(last)) append_numeric_entity(out, c);
}

void append_attribute(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\n' || c == '>') {
      append_numeric_entity(out, c);
    } else {
      append_escaped_xml(out, std::string_view(&c, 1));
    }
  }
}

/// The text between `<` and `>`, and between `</` and `>`.
struct Names {
  std::string open;
  std::string_view close;
};

Names names_of(std::string_view key) {
  if (is_tag_name(key)) return {.open = std::string(key), .close = key};
  std::string open = "entry key=\"";
  append_attribute(open, key);
  return {.open = open + "\"", .close = "entry"};
}

/// True if the text between the tags alone tells which value it is: literal XML has CDATA for texts, and an element
/// that closes itself for null.
bool is_shown_as_text(const Tags& tags, const Json& value) {
  return tags.text() == XmlText::entities || !(value.is_string() || value.is_null());
}

/// Writes the elements of one signature.
class Writer {
 public:
  Writer(std::string& out, const Tags& tags, std::string_view field) : out_(out), tags_(tags), field_(field) {}

  /// An element with what its value is written as: `leaf` for what is neither list nor object.
  void element(const Names& names, const Type& type, const Json& value, const Scope* around, std::string_view leaf) {
    const bool is_literal = tags_.text() == XmlText::literal;
    if (is_literal && value.is_null()) {
      out_.append("<").append(names.open).append("/>");
      return;
    }
    out_.append("<").append(names.open).append(">");
    if (!parts(type, value, around)) {
      if (!is_literal) {
        append_leaf_text(out_, leaf);
      } else if (value.is_string() || type.required().kind == Kind::string) {
        literal_text(names, type, leaf, around);
      } else {
        literal_json(names, leaf);
      }
    }
    out_.append("</").append(names.close).append(">");
  }

 private:
  /// The elements of a list or object; false if the value is none, or the type does not say so.
  bool parts(const Type& type, const Json& value, const Scope* around) {
    const auto [plain, outer] = resolve(type, around);
    const Scope inside{plain, outer};
    const auto* const scope = plain.kind == Kind::object ? &inside : outer;
    const bool is_list = plain.kind == Kind::list || plain.kind == Kind::tuple;
    if (is_list && value.is_array()) {
      std::size_t place = 0;
      for (const auto& item : value.get_array())
        part({.open = "item", .close = "item"}, item_type(plain, place++), item, scope);
      return true;
    }
    if (is_list || !is_nested_xml(plain) || !value.is_object()) return false;
    for (const auto& member : value.get_object()) {
      const std::string_view key = member.key();
      part(names_of(key), member_type(plain, key), member.value(), scope);
    }
    return true;
  }

  void part(const Names& names, const Type& type, const Json& value, const Scope* scope) {
    auto leaf = value.is_null()     ? std::string("None")
                : value.is_string() ? std::string(view(value.get_string()))
                                    : to_text(value);
    // An empty element of an optional is an empty text.
    const bool is_empty = leaf.empty() && type.is_optional();
    if (is_shown_as_text(tags_, value) && !is_empty) {
      if (auto clear = clear_text(field_, type, value, leaf, scope)) leaf = *std::move(clear);
    }
    element(names, type, value, scope, leaf);
  }

  /// A text verbatim, on separate lines if it has several; as CDATA if it would be misread.
  void literal_text(const Names& names, const Type& type, std::string_view text, const Scope* scope) {
    const bool is_plain = text.empty() || (text::trim(text).size() == text.size() && !ends_early(names, text) &&
                                           means_itself(type, text, scope));
    if (!is_plain) {
      append_cdata(out_, text);
    } else if (text.contains('\n')) {
      out_.append("\n").append(text).append("\n");
    } else {
      out_ += text;
    }
  }

  /// False if the text is read as another value, such as none.
  static bool means_itself(const Type& type, std::string_view text, const Scope* scope) {
    if (type.kind == Kind::string) return true;
    if (type.required().kind == Kind::union_ && text.starts_with('<')) return false;
    std::vector<Flag> flags;
    Repairs repairs(flags, {});
    const auto read = coerce_text(type, text, repairs, scope);
    return read && *read == Json(text) && flags.empty();
  }

  /// JSON or a plain value: `<` occurs only in strings, where it may be escaped.
  void literal_json(const Names& names, std::string_view text) {
    if (!ends_early(names, text)) {
      out_ += text;
      return;
    }
    for (const char c : text) {
      if (c == '<') {
        out_ += "\\u003c";
      } else {
        out_ += c;
      }
    }
  }

  /// True if the text holds what would be taken for a tag.
  bool ends_early(const Names& names, std::string_view text) const {
    return text.contains(std::format("</{}", names.close)) || holds_tag(tags_, text);
  }

  std::string& out_;
  const Tags& tags_;
  std::string_view field_;
};

}  // namespace

void append_xml(std::string& out, const Tags& tags, const Field& field, const Json& value) {
  const Names names{.open = field.name, .close = field.name};
  const bool is_nested = is_nested_xml(field.type) && value.is_structured();
  std::string plain;
  if (is_nested) {
    plain = to_text(value);
  } else {
    append_value(plain, field, value);
  }
  const bool is_empty = plain.empty() && field.type.is_optional() && field.type.required().kind == Kind::string;
  if (!is_nested && !is_empty && is_shown_as_text(tags, value)) {
    if (auto clear = clear_text(field.name, field.type, value, plain)) plain = *std::move(clear);
  }
  if (is_nested || tags.text() == XmlText::literal) {
    if (!out.empty()) out += "\n\n";
    Writer(out, tags, field.name).element(names, field.type, value, nullptr, plain);
    return;
  }
  append_paragraph(out, std::format("<{}>\n", field.name));
  append_escaped_xml(out, plain);
  std::format_to(std::back_inserter(out), "\n</{}>", field.name);
}

}  // namespace dspy
