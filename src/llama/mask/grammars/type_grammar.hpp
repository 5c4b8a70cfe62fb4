#pragma once

#include "dspy/signature/signature.hpp"
#include "llama/mask/contract.hpp"
#include "llama/mask/grammars/free_text.hpp"
#include "llama/mask/grammars/values.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::mask {

/// How values stand in the sections of a form.
struct TextStyle {
  FreeText place = {};
  std::string null = "none";
  std::string yes = "true";
  std::string no = "false";
  JsonStyle json = {};
};

/// Turns types into grammars: the one place that knows both.
class TypeGrammar {
 public:
  TypeGrammar(Pool& pool, const TextStyle& style, std::vector<Unenforced>& unenforced)
      : values_(pool, style.json), style_(style), unenforced_(unenforced) {}

  /// The values of a field as JSON, within `level` lists and objects.
  Expr json(const Field& field, std::size_t level);
  /// The same of a type by itself; `where` names it in errors.
  Expr json(const Type& type, const std::string& where);
  /// The same as they stand in a section of their own: text as it is, numbers and choices bare, the rest as JSON.
  Expr text(const Field& field);
  /// Whether a value is written as elements within its own, `<item>…</item>`, where sections are elements.
  bool has_elements(const Type& type) const;
  /// The elements, without the outermost tags.
  Expr elements(const Field& field);
  /// All of a field's element, where text is literal.
  Expr element(const Field& field);

  // The same, but what no mask can hold is written free, and is in `unenforced`.

  Expr json_or_free(const Field& field, std::size_t level);
  Expr text_or_free(const Field& field);
  Expr elements_or_free(const Field& field);
  Expr element_or_free(const Field& field);

 private:
  template <class Made, class Free>
  Expr or_free(const Field& field, Made made, Free free);
  /// The objects around a type, for the references to them.
  struct Scope {
    const Type& object;
    const Scope* outer;
  };

  Expr json(const Type& type, std::size_t level, const std::string& where, const Scope* scope);
  Expr said(const Type& type, std::size_t level, const std::string& where, bool may_be_blank = false);
  Expr list(const Type& type, std::size_t level, const std::string& where, const Scope* scope);
  Expr dict(const Type& type, std::size_t level, const std::string& where, const Scope* scope);
  Expr object(const Type& type, std::size_t level, const std::string& where, const Scope* outer);
  Expr reference(const Type& type, std::size_t level, const std::string& where, const Scope* scope);
  Expr key(const Type& type, const std::string& where);
  /// What a text of a section is besides its type.
  struct Around {
    bool may_be_null = true;
    bool in_element = false;        ///< Of a list's item or the like, where no `<` and `&` may stand as such.
    bool is_alternative = false;    ///< Of a union that has lists or objects too, which it must not look like.
    std::string_view element = {};  ///< Whose text it is, where that is literal.
  };

  Expr text(const Type& type, const std::string& where, Around around);
  Expr free(const Type& type, const std::string& where, Around around);
  Expr elements(const Type& type, const std::string& where, bool may_be_empty, std::string_view element);
  /// With its tags: what stands between `<` and `>`, and between `</` and `>`.
  Expr element(std::string_view open, std::string_view close, const Type& type, const std::string& where);
  Expr parts(const Type& type, const std::string& where, bool may_be_empty);
  bool is_literal() const noexcept { return style_.json.inside == Inside::literal_xml; }
  Expr attribute(const Type& key, const std::string& where);
  bool is_taken(std::string_view tag) const;
  bool is_found_in_section(std::string_view name, Around around) const;
  Expr bare_choices(const std::vector<Json>& choices, const std::string& where, Around around);
  /// `least_bytes`: of type `bytes`, where no value would stand for none.
  Expr bare(const Type& type, const std::string& where, std::size_t least_bytes);
  Expr different(const std::vector<Expr>& parts, const Values::Size& size, const std::string& where);
  static Expr checked(Expr made, const std::string& where);
  /// What prompts show where the field's value is to stand, which readers do not take for one.
  static std::string braced_name_of(const Field& field);
  static std::string field_name(const Field& field);
  void note_validators(const Field& field, const std::string& where);
  void note(const std::string& part, std::string_view reason);

  Values values_;
  const TextStyle& style_;
  std::vector<Unenforced>& unenforced_;
  std::string braced_name_;                                      ///< Of the field whose values are being made.
  std::map<std::pair<const Type*, std::size_t>, Expr> objects_;  ///< By level.
};

}  // namespace dspy::llama::mask
