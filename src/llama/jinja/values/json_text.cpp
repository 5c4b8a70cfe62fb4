// `tojson`, as Python's `json.dumps` with `ensure_ascii=False`, which is what chat templates are written for.

#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

constexpr std::string_view escaped = "\"\\\n\r\t\b\f";
constexpr std::string_view escapes = "\"\\nrtbf";

class Writer {
 public:
  Writer(Work& work, const Arguments& arguments) : work_(&work) {
    sorts_ = truth_argument(arguments, 4, "sort_keys", false);
    if (const auto* const indent = arguments.find(1, "indent"); indent != nullptr && !indent->is_none()) {
      indent_ = indent->text() != nullptr ? indent->text()->bytes()
                                          : std::string(size_argument(work, arguments, 1, "indent", 0), ' ');
      after_item_ = ",";
    }
    is_ascii_ = truth_argument(arguments, 2, "ensure_ascii", false);
    const auto* const separators = arguments.find(3, "separators");
    const auto* const pair = separators == nullptr ? nullptr : separators->list();
    if (pair != nullptr && pair->size() == 2) {
      after_item_ = text_of((*pair)[0]).bytes();
      after_key_ = text_of((*pair)[1]).bytes();
    }
  }

  Text run(const Value& value) {
    write(value, 1);
    work_->write(out_.size());
    return std::move(out_);
  }

 private:
  void own(std::string_view text) { out_.append(text); }

  void line(std::size_t depth) {
    if (!indent_) return;
    std::string text = "\n";
    for (; depth > 0; --depth) text += *indent_;
    work_->write(text.size());
    own(text);
  }

  void string(const Text& text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char byte = text.bytes()[i];
      const auto code = static_cast<unsigned char>(byte);
      if (const auto found = escaped.find(byte); found != std::string_view::npos)
        (out += '\\') += escapes[found];
      else if (code < 0x20)
        out += std::format("\\u{:04x}", code);
      else
        out += byte;
    }
    if (is_ascii_ && std::ranges::any_of(out, [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; }))
      work_->fail("`tojson(ensure_ascii=true)` is not known here");
    out_.append(text.with(out += '"'));
  }

  void key(const Value& value) {
    if (value.text() != nullptr) return string(*value.text());
    if (value.is_bool()) return own(value.truth() ? "\"true\"" : "\"false\"");
    if (value.is_none()) return own("\"null\"");
    if (!value.is_number()) work_->fail(std::format("{} is not a name of a member in JSON", value.type_name()));
    own("\"" + shown(value).bytes() + "\"");
  }

  void list(const List& items, std::size_t depth) {
    if (items.empty()) return own("[]");
    own("[");
    bool is_first = true;
    for (const auto& item : items) {
      if (!std::exchange(is_first, false)) own(after_item_);
      line(depth);
      write(item, depth + 1);
    }
    line(depth - 1);
    own("]");
  }

  void dict(const Dict& dict, std::size_t depth) {
    if (dict.members.empty()) return own("{}");
    std::vector<const std::pair<Value, Value>*> members;
    for (const auto& member : dict.members) members.push_back(&member);
    if (sorts_)
      std::ranges::stable_sort(
          members, [](const auto* a, const auto* b) { return text_of(a->first).view() < text_of(b->first).view(); });
    own("{");
    bool is_first = true;
    for (const auto* const member : members) {
      if (!std::exchange(is_first, false)) own(after_item_);
      line(depth);
      key(member->first);
      own(after_key_);
      write(member->second, depth + 1);
    }
    line(depth - 1);
    own("}");
  }

  void write(const Value& value, std::size_t depth) {
    work_->spend(1);
    if (value.text() != nullptr) return string(*value.text());
    if (value.list() != nullptr) return list(*value.list(), depth);
    if (value.dict() != nullptr) return dict(*value.dict(), depth);
    if (value.is_none()) return own("null");
    if (value.is_bool()) return own(value.truth() ? "true" : "false");
    if (value.is_float() && !std::isfinite(*value.number()))
      return own(std::isnan(*value.number()) ? "NaN" : *value.number() > 0 ? "Infinity" : "-Infinity");
    if (value.is_number()) return own(shown(value).bytes());
    const auto* const undefined = value.if_undefined();
    work_->fail(undefined != nullptr ? std::format("`{}` is undefined and cannot be written as JSON", undefined->name)
                                     : std::format("{} cannot be written as JSON", value.type_name()));
  }

  Work* work_;
  Text out_;
  std::optional<std::string> indent_;
  std::string after_item_ = ", ";
  std::string after_key_ = ": ";
  bool sorts_ = false;
  bool is_ascii_ = false;
};

}  // namespace

Value to_json_text(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  return Writer(work, arguments).run(value);
}

}  // namespace dspy::llama::jinja
