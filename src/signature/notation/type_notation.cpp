// Types written as notation.  Constants and `Field(…)` are written in field_call.cpp.

#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"
#include "field_call.hpp"
#include "notation.hpp"
#include "signature/types/type_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

namespace dspy {

std::string_view name_of(Type::Kind kind) noexcept {
  switch (kind) {
    case Type::Kind::string: return "str";
    case Type::Kind::integer: return "int";
    case Type::Kind::number: return "float";
    case Type::Kind::boolean: return "bool";
    case Type::Kind::null_: return "None";
    case Type::Kind::any: return "Any";
    case Type::Kind::literal: return "Literal";
    case Type::Kind::list: return "list";
    case Type::Kind::tuple: return "tuple";
    case Type::Kind::dict: return "dict";
    case Type::Kind::optional: return "Optional";
    case Type::Kind::union_: return "Union";
    case Type::Kind::object: return "object";
    case Type::Kind::reference: return "reference";
    case Type::Kind::date: return "date";
    case Type::Kind::datetime: return "datetime";
    case Type::Kind::time: return "time";
    case Type::Kind::duration: return "timedelta";
    case Type::Kind::bytes: return "bytes";
    case Type::Kind::image: return "Image";
    case Type::Kind::audio: return "Audio";
    case Type::Kind::file: return "File";
    case Type::Kind::history: return "History";
    case Type::Kind::code: return "Code";
    case Type::Kind::reasoning: return "Reasoning";
    case Type::Kind::document: return "Document";
    case Type::Kind::citations: return "Citations";
    case Type::Kind::tool: return "Tool";
    case Type::Kind::tool_calls: return "ToolCalls";
  }
  return "unknown";
}

namespace {

/// Its module in Python, which sets it apart from an object of the same name.
std::string_view module_of(std::string_view name) {
  using Names = std::initializer_list<std::string_view>;
  const auto is_of = [&](Names names) { return std::ranges::contains(names, name); };
  if (is_of({"Any", "Literal", "Optional", "Union", "Annotated"})) return "typing.";
  if (is_of({"date", "datetime", "time", "timedelta"})) return "datetime.";
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' ? "builtins." : "dspy.";
}

class Writer {
 public:
  /// `taken`: names that objects have.
  Writer(bool full, const TypeNames& taken) : full_(full), taken_(taken) {}

  std::string take() && { return std::move(out_); }

  void type(const Type& type) {
    if (!full_) return bare(type);
    notation::FieldCall call;
    call.limits(*type.limits, type.kind == Type::Kind::list);
    call.enumeration(type);
    annotated(type, call);
  }

 private:
  void annotated(const Type& type, const notation::FieldCall& call) {
    if (call.text().empty()) return bare(type);
    word("Annotated");
    out_ += '[';
    bare(type);
    out_.append(", Field(").append(call.text()).append(")]");
  }

  /// A word of the notation, with its module where an object has the name.
  void word(std::string_view name) {
    if (full_ && taken_.contains(name)) out_ += module_of(name);
    out_ += name;
  }

  void bare(const Type& type) {
    switch (type.kind) {
      case Type::Kind::literal:
        if (!full_ && !type.name.empty()) {
          out_ += type.name;
        } else {
          literal(type);
        }
        break;
      case Type::Kind::list: arguments(type.limits->unique_items ? "set" : "list", type); break;
      case Type::Kind::tuple:
        if (type.arguments.empty()) {
          word("tuple");
          out_ += "[()]";
          break;
        }
        [[fallthrough]];
      case Type::Kind::dict:
      case Type::Kind::optional:
      case Type::Kind::union_: arguments(name_of(type.kind), type); break;
      case Type::Kind::object: object(type); break;
      case Type::Kind::reference: reference(type); break;
      case Type::Kind::code:
        word("Code");
        if (type.name.empty()) break;
        out_ += '[';
        append_quoted(out_, type.name);
        out_ += ']';
        break;
      default: word(name_of(type.kind));
    }
  }

  void arguments(std::string_view name, const Type& type) {
    word(name);
    for (std::size_t i = 0; i < type.arguments.size(); ++i) {
      out_ += i == 0 ? "[" : ", ";
      this->type(type.arguments[i]);
    }
    out_ += ']';
  }

  void literal(const Type& type) {
    word("Literal");
    out_ += '[';
    for (std::size_t i = 0; i < type.choices.size(); ++i) {
      if (i != 0) out_ += ", ";
      notation::append_constant(out_, type.choices[i]);
    }
    out_ += ']';
  }

  void object(const Type& type) {
    if (!full_ && !type.name.empty()) {
      out_ += type.name;
      return;
    }
    // Within an object of that name, the name alone means that one.
    const bool is_free = !std::ranges::contains(open_, type.name, &Type::name);
    if (const auto known = known_.find(type.name); is_free && known != known_.end() && *known->second == type) {
      out_ += type.name;
      return;
    }
    open_.push_back(&type);
    auto outermost = std::exchange(outermost_, open_.size());
    out_ += type.name;
    out_ += '{';
    bool first = true;
    for (const auto& member : *type.members) {
      if (!first) out_ += ", ";
      first = false;
      this->member(member);
    }
    if (!type.arguments.empty()) {
      out_ += first ? "**: " : ", **: ";
      this->type(type.arguments[0]);
    }
    out_ += '}';
    open_.pop_back();
    const bool is_closed = outermost_ >= open_.size();
    if (!type.name.empty() && is_closed) known_[type.name] = &type;
    outermost_ = std::min(outermost, outermost_);
  }

  /// Notes how far out the object is that a reference means: an object that refers to one around
  /// it cannot be called by its name elsewhere.
  void reference(const Type& type) {
    out_ += type.name;
    for (auto i = open_.size(); i-- > 0;) {
      if (open_[i]->name != type.name) continue;
      outermost_ = std::min(outermost_, i);
      return;
    }
  }

  void member(const Field& field) {
    if (is_identifier(field.name)) {
      out_ += field.name;
    } else {
      append_quoted(out_, field.name);
    }
    out_ += ": ";
    if (!full_) return bare(field.type);
    notation::FieldCall call;
    call.limits(*field.type.limits, field.type.kind == Type::Kind::list);
    call.enumeration(field.type);
    if (!field.description.empty()) append_quoted(call.argument("desc"), field.description);
    if (field.label != text::to_words(field.name)) append_quoted(call.argument("label"), field.label);
    annotated(field.type, call);
    append_default(out_, field);
  }

  bool full_;
  const TypeNames& taken_;
  std::string out_;
  std::map<std::string_view, const Type*, std::less<>> known_;
  std::vector<const Type*> open_;
  std::size_t outermost_ = 0;  ///< The place in `open_` of the outermost object that was referred to.
};

}  // namespace

void add_object_names(const Type& type, TypeNames& names) {
  if (type.kind == Type::Kind::object) {
    names.insert(type.name);
    for (const auto& member : *type.members) add_object_names(member.type, names);
  }
  for (const auto& argument : type.arguments) add_object_names(argument, names);
}

std::string to_notation(const Type& type) {
  TypeNames names;
  add_object_names(type, names);
  return to_notation(type, names);
}

std::string to_notation(const Type& type, const TypeNames& taken) {
  Writer writer(true, taken);
  writer.type(type);
  return std::move(writer).take();
}

std::string annotation_name(const Type& type) {
  const TypeNames none;
  Writer writer(false, none);
  writer.type(type);
  return std::move(writer).take();
}

}  // namespace dspy
