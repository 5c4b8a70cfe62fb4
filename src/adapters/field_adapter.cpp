#include "dspy/adapters/field_adapter.hpp"

#include "adapters/field_format.hpp"
#include "adapters/labels.hpp"
#include "adapters/reader.hpp"
#include "adapters/reply_stream.hpp"

#include <algorithm>
#include <utility>

namespace dspy {
namespace {

/// What a turn has for a field.  Null stands for "no value" where that is allowed, and for a
/// value that nobody gave elsewhere.
const Json* value_of(const JsonObject& data, const Field& field) {
  const auto* const value = data.if_contains(field.name);
  if (value == nullptr || (value->is_null() && !field.type.is_optional())) return nullptr;
  return value;
}

bool has_any(const JsonObject& data, const std::vector<Field>& fields) {
  return std::ranges::any_of(fields, [&](const Field& field) { return value_of(data, field) != nullptr; });
}

/// True if a turn has all that the signature asks for.
bool is_complete(const JsonObject& data, const Signature& signature) {
  const auto is_there = [&](const Field& field) { return !field.is_required() || value_of(data, field) != nullptr; };
  return std::ranges::all_of(signature.inputs, is_there) && std::ranges::all_of(signature.outputs, is_there);
}

/// A guess that is seldom too small, so that a prompt is one allocation.
std::size_t likely_size(const JsonObject& data, const std::vector<Field>& fields) {
  std::size_t size = 0;
  for (const auto& field : fields) {
    const auto* const value = data.if_contains(field.name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    size += field.label.size() + field.description.size() + (text != nullptr ? text->size() : 64) + 16;
  }
  return size;
}

/// Writes the turns of one chat.
class Writer {
 public:
  Writer(const Signature& signature, Chat& chat) : signature_(signature), labels_(signature), chat_(chat) {}

  /// A demonstration or an earlier turn of the conversation, unless it lacks a whole side.
  void add_turn(const JsonObject& data) {
    if (!has_any(data, signature_.inputs) && !signature_.inputs.empty()) return;
    if (!has_any(data, signature_.outputs)) return;
    add_question(data);

    std::string content;
    content.reserve(likely_size(data, signature_.outputs));
    for (const auto& field : signature_.outputs) {
      const auto* const value = value_of(data, field);
      if (value == nullptr) continue;
      if (!content.empty()) content += '\n';
      content.append(field.label).append(":");
      append_output(content, labels_, *value);
    }
    chat_.push_back({Role::assistant, std::move(content)});
  }

  void add_question(const JsonObject& inputs) {
    std::string content;
    content.reserve(likely_size(inputs, signature_.inputs) + likely_size({}, signature_.outputs));
    for (const auto& field : signature_.inputs) {
      const auto* const value = value_of(inputs, field);
      if (value == nullptr) continue;
      if (!content.empty()) content += '\n';
      content.append(field.label).append(":");
      append_input(content, labels_, *value);
    }
    if (!content.empty()) content += "\n\n";
    bool first = true;
    for (const auto& field : signature_.outputs) {
      if (!first) content += '\n';
      first = false;
      append_hint(content, field);
    }
    chat_.push_back({Role::user, std::move(content)});
  }

 private:
  const Signature& signature_;
  Labels labels_;
  Chat& chat_;
};

}  // namespace

Chat FieldAdapter::format(const Question& question) const {
  const auto& signature = question.signature;
  Chat chat;
  chat.reserve(2 + 2 * (question.demos.size() + question.history.size()));
  if (!signature.instructions.empty()) chat.push_back({Role::system, signature.instructions});

  Writer writer(signature, chat);
  // Whole demonstrations stand nearer to the question.
  for (const auto& demo : question.demos) {
    if (!is_complete(demo.data, signature)) writer.add_turn(demo.data);
  }
  for (const auto& demo : question.demos) {
    if (is_complete(demo.data, signature)) writer.add_turn(demo.data);
  }
  for (const auto& turn : question.history) writer.add_turn(turn.data);
  writer.add_question(question.inputs);
  return chat;
}

std::expected<Reading, Unreadable> FieldAdapter::parse(const Signature& signature, std::string_view completion) const {
  return ReplyReader(signature, completion).read();
}

std::unique_ptr<FieldStream> FieldAdapter::open_stream(std::shared_ptr<const Signature> signature) const {
  return std::make_unique<ReplyStream>(std::move(signature));
}

}  // namespace dspy
