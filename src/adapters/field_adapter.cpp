#include "dspy/adapters/field_adapter.hpp"

#include "adapters/sections.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace dspy {
namespace {

std::string number_text(double number) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, number);
  return {buffer, result.ptr};
}

std::string choice_text(const Json& choice) {
  return choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice);
}

std::string range_phrase(std::string_view noun, const Field& field) {
  std::string out(noun);
  if (field.minimum && field.maximum) {
    out += " from " + number_text(*field.minimum) + " to " + number_text(*field.maximum);
  } else if (field.minimum) {
    out += ", at least " + number_text(*field.minimum);
  } else if (field.maximum) {
    out += ", at most " + number_text(*field.maximum);
  }
  return out;
}

std::string type_phrase(const Field& field) {
  using enum Type::Kind;
  const auto& type = field.type.required();
  switch (type.kind) {
    case boolean: return "true or false";
    case integer: return range_phrase("a whole number", field);
    case number: return range_phrase("a number", field);
    case list: return "a JSON list";
    case dict: return "a JSON object";
    case literal: {
      std::string out = "one of: ";
      for (const auto& choice : type.choices) {
        if (!out.ends_with(": ")) out += ", ";
        out += choice_text(choice);
      }
      return out;
    }
    case string:
    case optional: break;
  }
  return {};
}

/// What stands in parentheses behind an output's label; empty if there is nothing to say.
std::string hint_note(const Field& field) {
  std::string note;
  const auto add = [&](std::string_view part) {
    if (part.empty()) return;
    if (!note.empty()) note += "; ";
    note += part;
  };
  auto description = text::trim(field.description);
  if (description.ends_with('.')) description.remove_suffix(1);
  add(description);
  add(type_phrase(field));
  const auto kind = field.type.required().kind;
  const std::string_view unit = kind == Type::Kind::list || kind == Type::Kind::dict ? " items" : " characters";
  if (field.min_length) add("at least " + std::to_string(*field.min_length) + std::string(unit));
  if (field.max_length) add("at most " + std::to_string(*field.max_length) + std::string(unit));
  if (!field.is_required()) add("optional");
  return note;
}

void append_label(std::string& out, const Field& field) {
  out += field.label;
  out += ':';
}

/// A value on the line of its label.  Passages, which are lists of text given as input, get a numbered line each.
void append_value(std::string& out, const Json& value, const Labels& labels, Direction direction) {
  if (value.is_string()) {
    const auto text = view(value.get_string());
    if (text.empty()) return;
    out += ' ';
    append_guarded(out, text, labels);
    return;
  }
  const auto* items = value.if_array();
  const bool passages = direction == Direction::input && items != nullptr && !items->empty() &&
                        std::ranges::all_of(*items, [](const Json& item) { return item.is_string(); });
  if (passages) {
    std::size_t index = 0;
    for (const auto& item : *items) {
      out += "\n[" + std::to_string(++index) + "] ";
      append_guarded(out, view(item.get_string()), labels);
    }
    return;
  }
  out += ' ';
  if (value.is_null()) {
    out += "none";
  } else {
    append_text(out, value);
  }
}

class Writer {
 public:
  Writer(const Signature& signature, const Labels& labels) : signature_(signature), labels_(labels) {
    for (const auto& field : signature.outputs) {
      if (!hints_.empty()) hints_ += '\n';
      append_label(hints_, field);
      if (const auto note = hint_note(field); !note.empty()) {
        hints_ += " (";
        hints_ += note;
        hints_ += ')';
      }
    }
  }

  std::string question(const JsonObject& values) const {
    std::string out;
    out.reserve(hints_.size() + 128);
    append_lines(out, signature_.inputs, values, Direction::input);
    if (!out.empty()) out += "\n\n";
    out += hints_;
    return out;
  }

  std::string answer(const JsonObject& values) const {
    std::string out;
    append_lines(out, signature_.outputs, values, Direction::output);
    return out;
  }

  /// A demonstration or an earlier turn; one that shows no output teaches nothing and is left out.
  void append_turn(Chat& chat, const Example& example) const {
    auto reply = answer(example.data);
    if (reply.empty()) return;
    chat.push_back({Role::user, question(example.data)});
    chat.push_back({Role::assistant, std::move(reply)});
  }

 private:
  void append_lines(std::string& out, const std::vector<Field>& fields, const JsonObject& values,
                    Direction direction) const {
    for (const auto& field : fields) {
      const auto* value = values.if_contains(field.name);
      if (value == nullptr) continue;
      if (!out.empty()) out += '\n';
      append_label(out, field);
      append_value(out, *value, labels_, direction);
    }
  }

  const Signature& signature_;
  const Labels& labels_;
  std::string hints_;
};

}  // namespace

Chat FieldAdapter::format(const Question& question) const {
  const auto& signature = question.signature;
  const Labels labels(signature);
  const Writer writer(signature, labels);

  Chat chat;
  chat.reserve(2 + 2 * (question.demos.size() + question.history.size()));
  if (!signature.instructions.empty()) chat.push_back({Role::system, signature.instructions});
  for (const auto& demo : question.demos) writer.append_turn(chat, demo);
  for (const auto& turn : question.history) writer.append_turn(chat, turn);
  chat.push_back({Role::user, writer.question(question.inputs)});
  return chat;
}

}  // namespace dspy
