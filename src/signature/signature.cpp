#include "dspy/signature/signature.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"
#include "signature/notation/notation.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {
namespace {

using Position = std::vector<Field>::difference_type;

std::vector<Field>& side(Signature& signature, Direction direction) {
  return direction == Direction::input ? signature.inputs : signature.outputs;
}

/// The field by that name and the side it is on.  Throws if there is none.
std::pair<std::vector<Field>*, std::vector<Field>::iterator> locate(Signature& signature, std::string_view name) {
  std::vector<std::string> names;
  for (auto* fields : {&signature.inputs, &signature.outputs}) {
    const auto found = std::ranges::find(*fields, name, &Field::name);
    if (found != fields->end()) return {fields, found};
    for (const auto& field : *fields) names.push_back(field.name);
  }
  const auto meant = text::nearest(name, names);
  throw Error(Errc::signature_error,
              std::format("the signature has no field `{}`; {}", name,
                          meant ? std::format("did you mean `{}`?", *meant)
                                : std::format("its fields are {}", text::enumerate(names, "`", "and"))));
}

/// Makes a field that was built by hand as complete as `make_field` would.
Field complete(const Signature& signature, Field field) {
  if (signature.find(field.name)) {
    throw Error(
        Errc::signature_error,
        std::format("the signature has a field `{}` already; delete it first, or choose another name", field.name));
  }
  if (field.label.empty()) field.label = text::to_words(field.name);
  return field;
}

template <class Write>
void append_fields(std::string& out, const std::vector<Field>& fields, Write write) {
  bool first = true;
  for (const auto& field : fields) {
    if (!first) out += ", ";
    first = false;
    out += field.name;
    out += ": ";
    out += write(field.type);
    append_default(out, field);
  }
}

/// Values that no output asked for.  What would be computed may be there, and is computed again.
void add_unknown_outputs(const Signature& signature, JsonObject& outputs, Violations& violations) {
  for (const auto& each : signature.computed) outputs.erase(each.field.name);
  for (const auto& [name, value] : outputs) {
    if (std::ranges::contains(signature.outputs, std::string_view(name), &Field::name)) continue;
    violations.push_back({.path = path_of(name), .rule = "unknown", .message = "is not an output of the signature"});
  }
}

/// Why inputs were refused, in the parts of one sentence.
class InputProblems {
 public:
  InputProblems(const Signature& signature, JsonObject& inputs) : signature_(signature) {
    for (const auto& field : signature.inputs) check(field, inputs.if_contains(field.name));
    for (const auto& member : inputs) {
      if (std::ranges::find(signature.inputs, std::string_view(member.key()), &Field::name) == signature.inputs.end())
        add_unknown(member.key());
    }
  }

  Error error() && {
    std::vector<std::string> parts;
    if (!info_.missing.empty()) {
      parts.push_back(std::format("no value for the input{} {}", info_.missing.size() == 1 ? "" : "s",
                                  text::enumerate(info_.missing, "`", "and")));
    }
    parts.insert(parts.end(), invalid_.begin(), invalid_.end());
    parts.insert(parts.end(), unknown_.begin(), unknown_.end());
    std::string message;
    for (const auto& part : parts) message.append(message.empty() ? "" : "; ").append(part);
    if (signature_.inputs.empty()) {
      message += "; the signature takes no inputs";
    } else if (!unknown_.empty() || !info_.missing.empty()) {
      message.append("; the inputs are `").append(inputs_notation()).append("`");
    }
    return {Errc::bad_input, message, std::move(info_)};
  }

 private:
  void check(const Field& field, Json* value) {
    if (!value) {
      if (!field.is_required()) return;
      info_.missing.push_back(field.name);
      info_.violations.push_back({.path = field.name, .rule = "missing", .value = nullptr, .message = "is missing"});
      return;
    }
    Violations violations;
    if (fit_in_place(field, *value, violations)) return;
    info_.invalid.push_back(field.name);
    info_.violations.insert(info_.violations.end(), violations.begin(), violations.end());
    invalid_.push_back("the input " + to_sentence(violations));
    if (value->is_string() && !info_.position) info_.position = text::invalid_utf8(view(value->get_string()));
  }

  void add_unknown(std::string_view key) {
    const auto name = shown(Json(key));
    if (signature_.find(key)) {
      unknown_.push_back(std::format("`{}` is an output, not an input", name));
      return;
    }
    std::vector<std::string> names;
    names.reserve(signature_.inputs.size());
    for (const auto& field : signature_.inputs) names.push_back(field.name);
    const auto meant = text::nearest(key, names);
    unknown_.push_back(meant ? std::format("there is no input `{}`, did you mean `{}`?", name, *meant)
                             : std::format("there is no input `{}`", name));
  }

  std::string inputs_notation() const {
    std::string out;
    append_fields(out, signature_.inputs, annotation_name);
    return out;
  }

  const Signature& signature_;
  ErrorInfo info_;
  std::vector<std::string> invalid_;
  std::vector<std::string> unknown_;
};

}  // namespace

Signature Signature::parse(std::string_view notation, std::string instructions) {
  return parse(notation, std::move(instructions), {});
}

Signature Signature::parse(std::string_view notation, std::string instructions, const NamedTypes& names) {
  NotationReader reader(notation, &names);
  Signature signature{.instructions = std::move(instructions)};
  reader.fields(signature.inputs, signature.outputs);
  reader.arrow();
  reader.fields(signature.outputs, signature.inputs);
  reader.end();
  if (signature.outputs.empty()) reader.fail_without_outputs();
  return signature;
}

const Field* Signature::find(std::string_view name) const noexcept {
  for (const auto* fields : {&inputs, &outputs}) {
    for (const auto& field : *fields) {
      if (field.name == name) return &field;
    }
  }
  return nullptr;
}

Signature Signature::with_instructions(std::string text) const {
  auto changed = *this;
  changed.instructions = std::move(text);
  return changed;
}

Signature Signature::append(Direction direction, Field field) const {
  return insert(direction, -1, std::move(field));
}

Signature Signature::prepend(Direction direction, Field field) const {
  return insert(direction, 0, std::move(field));
}

Signature Signature::insert(Direction direction, int index, Field field) const {
  auto changed = *this;
  auto& fields = side(changed, direction);
  const auto count = std::ssize(fields);
  const auto position = index < 0 ? index + count + 1 : Position{index};
  if (position < 0 || position > count) {
    throw Error(Errc::signature_error,
                std::format("no place {} for the field `{}` among {} {} fields; use {} to {}", index, field.name, count,
                            direction == Direction::input ? "input" : "output", -count - 1, count));
  }
  field = complete(*this, std::move(field));
  validate(field);
  fields.insert(fields.begin() + position, std::move(field));
  return changed;
}

Signature Signature::delete_field(std::string_view name) const {
  auto changed = *this;
  const auto [fields, found] = locate(changed, name);
  fields->erase(found);
  return changed;
}

Signature Signature::with_updated_field(std::string_view name, const std::function<void(Field&)>& change) const {
  auto changed = *this;
  auto& field = *locate(changed, name).second;
  auto updated = field;
  change(updated);
  if (updated.name != field.name) {
    if (updated.label == text::to_words(field.name)) updated.label.clear();
    updated = complete(*this, std::move(updated));
  }
  validate(updated);
  field = std::move(updated);
  return changed;
}

void validate(const Signature& signature) {
  if (signature.outputs.empty())
    throw Error(Errc::signature_error, "the signature has no output field; add one, such as `answer`");
  if (const auto position = text::invalid_utf8(signature.instructions)) {
    throw Error(Errc::signature_error,
                std::format("byte {} of the instructions is not UTF-8; save the text as UTF-8", *position),
                {.position = position});
  }
  std::vector<std::string_view> names;
  for (const auto* fields : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *fields) {
      validate(field);
      names.push_back(field.name);
    }
  }
  for (const auto& each : signature.computed) {
    validate(each.field);
    if (!each.compute) {
      throw Error(Errc::signature_error,
                  std::format("the computed field `{}` has no function; give it one", each.field.name));
    }
    names.push_back(each.field.name);
  }
  for (const auto& validator : signature.validators) {
    if (validator.name.empty() || !validator.check) {
      throw Error(Errc::signature_error, "the signature has a validator without a name or a function; give it both");
    }
  }
  std::ranges::sort(names);
  if (const auto repeated = std::ranges::adjacent_find(names); repeated != names.end()) {
    throw Error(
        Errc::signature_error,
        std::format("the name `{}` is taken by two fields; give each input and output a name of its own", *repeated));
  }
}

JsonObject checked_inputs(const Signature& signature, JsonObject inputs) {
  Violations violations;
  std::size_t known = 0;
  bool fine = true;
  for (const auto& field : signature.inputs) {
    if (auto* value = inputs.if_contains(field.name)) {
      fine = fit_in_place(field, *value, violations) && fine;
    } else if (field.default_value) {
      inputs.emplace(field.name, *field.default_value);
    } else if (field.type.is_optional()) {
      inputs.emplace(field.name, nullptr);
    } else {
      fine = false;
      break;
    }
    ++known;
  }
  if (fine && known == inputs.size()) return inputs;
  throw InputProblems(signature, inputs).error();
}

std::expected<JsonObject, Violations> fit(const Signature& signature, JsonObject outputs) {
  Violations violations;
  std::size_t known = 0;
  for (const auto& field : signature.outputs) {
    if (auto* value = outputs.if_contains(field.name)) {
      fit_in_place(field, *value, violations);
    } else if (!field.is_required()) {
      outputs.emplace(field.name, field.default_value.value_or(nullptr));
    } else {
      violations.push_back({.path = field.name, .rule = "missing", .message = "is missing"});
      continue;
    }
    ++known;
  }
  if (known != outputs.size()) add_unknown_outputs(signature, outputs, violations);
  if (!violations.empty()) return std::unexpected(std::move(violations));

  if (!signature.validators.empty()) {
    const Json whole(outputs);
    for (const auto& validator : signature.validators) {
      if (auto problem = validator.check(whole))
        violations.push_back({.rule = validator.name, .message = *std::move(problem)});
    }
    if (!violations.empty()) return std::unexpected(std::move(violations));
  }
  for (const auto& each : signature.computed) {
    auto value = each.compute(outputs);
    if (fit_in_place(each.field, value, violations)) outputs[each.field.name] = std::move(value);
  }
  if (!violations.empty()) return std::unexpected(std::move(violations));
  return outputs;
}

std::string to_notation(const Signature& signature) {
  TypeNames names;
  for (const auto* const fields : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *fields) add_object_names(field.type, names);
  }
  const auto write = [&](const Type& type) { return to_notation(type, names); };
  std::string out;
  append_fields(out, signature.inputs, write);
  out += out.empty() ? "-> " : " -> ";
  append_fields(out, signature.outputs, write);
  return out;
}

}  // namespace dspy
