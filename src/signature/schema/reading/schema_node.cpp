#include "schema_node.hpp"

#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"
#include "schema_keywords.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::json_schema {
namespace {

constexpr int deepest = 200;

/// `%41` → `A`, as in URLs.
std::string percent_decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

void fail(const std::string& pointer, std::string_view keyword, std::string message) {
  throw Fault{pointer, std::string(keyword), std::move(message)};
}

const JsonArray& array_at(const Located& keyword, std::string_view name) {
  if (!keyword.value->is_array()) fail(keyword.pointer, name, std::format("`{}` must be a list", name));
  return keyword.value->get_array();
}

const Located* Node::find(std::string_view keyword) const {
  const auto found = keywords.find(keyword);
  return found == keywords.end() ? nullptr : &found->second;
}

bool Node::has_any(std::initializer_list<std::string_view> names) const {
  return std::ranges::any_of(names, [&](std::string_view name) { return find(name) != nullptr; });
}

void Nodes::note(const std::string& pointer, std::string_view keyword, std::string message) {
  gaps_.push_back({pointer, std::string(keyword), std::move(message)});
}

void Nodes::unsupported(const std::string& pointer, std::string_view keyword, std::string message) {
  if (!allow_unsupported_) fail(pointer, keyword, std::move(message));
  note(pointer, keyword, "left out: " + std::move(message));
}

Located Nodes::resolve(const Located& reference) const {
  if (!reference.value->is_string()) fail(reference.pointer, "$ref", "`$ref` must be text");
  const auto target = view(reference.value->get_string());
  if (!target.starts_with('#'))
    fail(reference.pointer, "$ref",
         std::format("`$ref` to `{}` leads out of this schema, and nothing is fetched; put it under `$defs`", target));
  const auto pointer = percent_decoded(target.substr(1));
  if (!pointer.empty() && !pointer.starts_with('/'))
    fail(reference.pointer, "$ref",
         std::format("`$ref` to the anchor `{}`; refer to it with a JSON Pointer, such as `#/$defs/Name`", target));
  const auto* found = find_at(root_, pointer);
  if (found == nullptr)
    fail(reference.pointer, "$ref", std::format("`$ref` to `{}`, but there is nothing there", target));
  return {found, pointer};
}

Node Nodes::gather(const Located& schema) {
  Node node;
  node.pointer = schema.pointer;
  if (schema.value->is_bool()) {
    node.is_never = !schema.value->get_bool();
    return node;
  }
  if (!schema.value->is_object())
    fail(schema.pointer, "schema",
         std::format("a schema must be an object or a boolean, not {}", to_text(*schema.value)));
  if (depth_ == deepest) fail(schema.pointer, "$ref", "its references form an endless cycle");
  ++depth_;
  for (const auto& member : schema.value->get_object())
    keyword(node, member.key(), {&member.value(), step_into(schema.pointer, member.key())});
  const auto add = [&](const Located& part) {
    auto other = gather(part);
    node = merge(std::move(node), other);
  };
  if (const auto* ref = schema.value->get_object().if_contains("$ref"))
    add(resolve({ref, step_into(schema.pointer, "$ref")}));
  if (const auto* all = schema.value->get_object().if_contains("allOf")) {
    const Located located{all, step_into(schema.pointer, "allOf")};
    for (std::size_t i = 0; i < array_at(located, "allOf").size(); ++i)
      add({&all->get_array()[i], step_into(located.pointer, std::to_string(i))});
  }
  --depth_;
  return node;
}

void Nodes::keyword(Node& node, std::string_view keyword, const Located& value) {
  if (keyword == "$ref" || keyword == "allOf") return;
  if (keyword == "$id" && value.pointer == "/$id") return;
  if (keyword == "properties") {
    if (!value.value->is_object()) fail(value.pointer, keyword, "`properties` must be an object");
    for (const auto& member : value.value->get_object())
      node.properties.push_back({std::string(member.key()), {&member.value(), step_into(value.pointer, member.key())}});
  } else if (keyword == "required") {
    for (const auto& name : array_at(value, keyword)) {
      if (!name.is_string()) fail(value.pointer, keyword, "`required` must be a list of names");
      if (!std::ranges::contains(node.required, view(name.get_string())))
        node.required.emplace_back(view(name.get_string()));
    }
  } else if (std::ranges::contains(assertions(), keyword) || is_annotation(keyword)) {
    node.keywords.emplace(keyword, value);
  } else if (const auto* const remedy = remedy_for(keyword)) {
    unsupported(value.pointer, keyword, std::format("a type cannot say `{}`; {}", keyword, *remedy));
  } else {
    std::vector<std::string> names(assertions().begin(), assertions().end());
    const auto nearest = text::nearest(keyword, names);
    unsupported(value.pointer, keyword,
                std::format("`{}` is not a keyword of JSON Schema 2020-12; {}", keyword,
                            nearest ? std::format("did you mean `{}`?", *nearest)
                                    : std::string("a keyword of one's own begins with `x-`")));
  }
}

}  // namespace dspy::json_schema
