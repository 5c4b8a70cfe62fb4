#include "dspy/signature/signature.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/notation/notation.hpp"

#include <algorithm>
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

}  // namespace dspy
