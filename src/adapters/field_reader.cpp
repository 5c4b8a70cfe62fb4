// How `FieldAdapter` reads a reply: labelled lines, then a JSON object anywhere, then, for a
// single output, the whole text.

#include "adapters/coerce.hpp"
#include "adapters/lenient_json.hpp"
#include "adapters/sections.hpp"

#include "dspy/adapters/field_adapter.hpp"
#include "dspy/base/text.hpp"

#include <optional>
#include <utility>

namespace dspy {
namespace {

/// What was found for each output, before types are looked at.
struct Found {
  struct Value {
    std::string text = {};
    std::optional<Json> json = {};
    bool present = false;
  };

  std::vector<Value> values;
  std::vector<Flag> flags;
};

class Collect final : public Sections::Sink {
 public:
  explicit Collect(std::vector<Found::Value>& values) : values_(values) {}
  void text(std::size_t field, std::string_view piece) override { values_[field].text += piece; }
  void done(std::size_t field) override { values_[field].present = true; }

 private:
  std::vector<Found::Value>& values_;
};

bool lacks_a_field(const Signature& signature, const Found& found) {
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    if (signature.outputs[i].is_required() && !found.values[i].present) return true;
  }
  return false;
}

std::optional<Found> by_labels(const Signature& signature, const Labels& labels, std::string_view text) {
  const auto read = [&](Sections::Fences fences) -> std::pair<std::optional<Found>, bool> {
    Found found{.values = std::vector<Found::Value>(signature.outputs.size()), .flags = {}};
    Collect collect(found.values);
    Sections sections(labels, signature.outputs.size(), fences);
    sections.push(text, collect);
    const bool open_fence = sections.ended_in_fence();
    sections.finish(collect);
    if (!sections.found_any()) return {std::nullopt, open_fence};
    FlagList flags(found.flags);
    if (sections.had_leading_text()) flags.add("leading_text");
    if (sections.had_repeated_label()) flags.add("repeated_label");
    if (sections.had_outer_fence()) flags.add("fenced_reply");
    if (sections.ran_on()) flags.add("ran_on");
    return {std::move(found), open_fence};
  };

  auto [found, open_fence] = read(Sections::Fences::respect);
  if (found && open_fence && lacks_a_field(signature, *found)) {
    // A fence that never closes has swallowed the labels behind it.
    auto again = read(Sections::Fences::ignore).first;
    if (again && !lacks_a_field(signature, *again)) {
      FlagList(again->flags).add("unclosed_fence");
      return again;
    }
  }
  return found;
}

std::string letters_of(std::string_view name) {
  std::string letters;
  for (const char c : text::to_lower(name)) {
    if (c != ' ' && c != '_' && c != '-') letters += c;
  }
  return letters;
}

/// The members of `object` that are outputs; nothing if none is.
std::optional<Found> from_object(const Signature& signature, JsonObject& object, std::vector<Flag> flags) {
  Found found{.values = std::vector<Found::Value>(signature.outputs.size()), .flags = std::move(flags)};
  bool any = false;
  for (auto& member : object) {
    const auto key = letters_of(member.key());
    for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
      const auto& field = signature.outputs[i];
      if (found.values[i].present || (key != letters_of(field.name) && key != letters_of(field.label))) continue;
      if (member.key() != field.name) FlagList(found.flags, field.name).add("other_key");
      found.values[i].json = std::move(member.value());
      found.values[i].present = true;
      any = true;
      break;
    }
  }
  if (!any) return std::nullopt;
  return found;
}

std::optional<Found> by_json(const Signature& signature, std::string_view text) {
  constexpr int most_attempts = 16;  // keeps hostile text linear
  std::size_t at = text.find('{');
  for (int attempt = 0; attempt < most_attempts && at != std::string_view::npos; ++attempt) {
    std::vector<Flag> flags;
    FlagList liberties(flags);
    auto value = read_lenient_json(text, at, liberties);
    if (value && value->value.is_object()) {
      const bool alone = text::trim(text.substr(0, at)).empty() && text::trim(text.substr(value->end)).empty();
      liberties.add(alone ? "json_reply" : "json_in_text");
      if (auto found = from_object(signature, value->value.get_object(), std::move(flags))) return found;
    }
    at = text.find('{', value ? value->end : at + 1);
  }
  return std::nullopt;
}

Found find_values(const Signature& signature, const Labels& labels, std::string_view text) {
  const auto trimmed = text::trim(text);
  // JSON over several lines may hold lines that look like labels.
  const bool begins_as_json = trimmed.starts_with('{') || trimmed.starts_with("```json");
  if (begins_as_json) {
    if (auto found = by_json(signature, trimmed)) return *std::move(found);
  }
  if (auto found = by_labels(signature, labels, text)) return *std::move(found);
  if (!begins_as_json) {
    if (auto found = by_json(signature, text)) return *std::move(found);
  }
  Found nothing{.values = std::vector<Found::Value>(signature.outputs.size()), .flags = {}};
  if (signature.outputs.size() == 1 && !trimmed.empty()) {
    nothing.values[0] = {.text = std::string(trimmed), .json = {}, .present = true};
    FlagList(nothing.flags, signature.outputs[0].name).add("whole_text");
  }
  return nothing;
}

std::expected<Json, Mismatch> value_of(const Field& field, Found::Value& value, std::vector<Flag>& flags) {
  FlagList liberties(flags, field.name);
  if (value.json) return coerce_json(field, *std::move(value.json), liberties);
  return coerce_text(field, value.text, liberties);
}

/// True if what was found says nothing where something is due.
bool is_empty(const Field& field, const Found::Value& value) {
  if (!value.present) return true;
  if (value.json) return value.json->is_null();
  return field.is_required() ? value.text.empty() : says_nothing(value.text);
}

std::string repaired_utf8(std::string_view text) {
  text::Utf8Buffer buffer;
  auto out = buffer.push(text);
  out += buffer.finish();
  return out;
}

/// Reads a reply while it grows.  Labelled lines are passed on at once; any other reply can be
/// judged only when all of it is there.
class FieldReplyStream final : public FieldStream, private Sections::Sink {
 public:
  explicit FieldReplyStream(std::shared_ptr<const Signature> signature)
      : signature_(std::move(signature)), labels_(*signature_), sections_(labels_, signature_->outputs.size()) {}

  void push(std::string_view text, const FieldSink& sink) override {
    const auto whole = utf8_.push(text);
    if (sections_.found_any()) {
      deliver(whole, sink);
      return;
    }
    seen_ += whole;
    if (!begins_as_json()) deliver_seen(sink);
  }

  void finish(const FieldSink& sink) override {
    push(utf8_.finish(), sink);
    if (!begins_as_json()) {
      sink_ = &sink;
      sections_.finish(*this);
      sink_ = nullptr;
      if (sections_.found_any()) return;
    }
    auto found = find_values(*signature_, labels_, seen_);
    for (std::size_t i = 0; i < found.values.size(); ++i) {
      auto& value = found.values[i];
      if (!value.present) continue;
      if (value.json) {
        value.text = value.json->is_string() ? std::string(view(value.json->get_string())) : to_text(*value.json);
      }
      const auto& name = signature_->outputs[i].name;
      if (!value.text.empty()) sink({.field = name, .text = value.text});
      sink({.field = name, .text = {}, .done = true});
    }
  }

 private:
  /// True as long as the reply may be JSON: then nothing is passed on before its end.
  bool begins_as_json() const {
    if (sections_.found_any()) return false;
    const auto start = text::trim(seen_);
    return start.starts_with('{') || start.starts_with("```json") || std::string_view("```json").starts_with(start);
  }

  /// Passes on what was held back while it might have been JSON, and all that is new.
  void deliver_seen(const FieldSink& sink) {
    deliver(std::string_view(seen_).substr(delivered_), sink);
    delivered_ = seen_.size();
  }

  void deliver(std::string_view text, const FieldSink& sink) {
    sink_ = &sink;
    sections_.push(text, *this);
    sink_ = nullptr;
  }

  void text(std::size_t field, std::string_view piece) override {
    (*sink_)({.field = signature_->outputs[field].name, .text = piece});
  }
  void done(std::size_t field) override {
    (*sink_)({.field = signature_->outputs[field].name, .text = {}, .done = true});
  }

  std::shared_ptr<const Signature> signature_;
  Labels labels_;
  Sections sections_;
  text::Utf8Buffer utf8_;
  std::string seen_;
  std::size_t delivered_ = 0;
  const FieldSink* sink_ = nullptr;
};

}  // namespace

std::expected<Reading, Unreadable> FieldAdapter::parse(const Signature& signature, std::string_view completion) const {
  const Labels labels(signature);
  std::string repaired;
  auto readable = completion;
  if (text::invalid_utf8(completion)) {
    repaired = repaired_utf8(completion);
    readable = repaired;
  }
  auto found = find_values(signature, labels, readable);
  if (!repaired.empty()) FlagList(found.flags).add("invalid_utf8");

  JsonObject outputs;
  outputs.reserve(signature.outputs.size());
  std::vector<std::string> missing;
  std::vector<Unreadable::Invalid> invalid;
  for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
    const auto& field = signature.outputs[i];
    auto& value = found.values[i];
    if (is_empty(field, value)) {
      if (field.is_required()) {
        missing.push_back(field.name);
      } else {
        outputs.emplace(field.name, field.default_value.value_or(nullptr));
      }
      continue;
    }
    auto coerced = value_of(field, value, found.flags);
    if (coerced) {
      outputs.emplace(field.name, *std::move(coerced));
    } else {
      invalid.push_back({.field = field.name, .reason = std::move(coerced.error().reason)});
    }
  }
  if (missing.empty() && invalid.empty()) {
    return Reading{.outputs = std::move(outputs), .flags = std::move(found.flags)};
  }
  return std::unexpected(Unreadable{.missing = std::move(missing),
                                    .invalid = std::move(invalid),
                                    .partial = std::move(outputs),
                                    .flags = std::move(found.flags),
                                    .raw = std::string(readable)});
}

std::unique_ptr<FieldStream> FieldAdapter::open_stream(std::shared_ptr<const Signature> signature) const {
  return std::make_unique<FieldReplyStream>(std::move(signature));
}

}  // namespace dspy
