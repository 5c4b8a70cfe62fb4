#pragma once

#include "dspy/lm/contract.hpp"
#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// How replies of one form are written: the text around the values.  The only place that defines labels, markers, tags
/// and keys.  Prompts, demonstrations, readers of complete and of streamed replies, masks and the field tracker use it,
/// so prompts, masks and readers always agree.
struct ReplyNotation {
  using Form = OutputContract::Form;

  /// Empty for the forms that have no outputs.
  static const ReplyNotation& of(Form form) noexcept;

  Form form = Form::text;
  std::string_view before_name = {};
  std::string_view after_name = {};
  std::string_view before_value = {};
  std::string_view after_value = {};   ///< Before what closes it.
  std::string_view before_close = {};  ///< Of the name where a value is closed by a mark of its own; else empty.
  std::string_view after_close = {};
  std::string_view empty_end = {};  ///< In place of `after_name` where a mark opens and closes.
  std::string_view between = {};    ///< What parts an output from the next one.
  std::string_view begin = {};      ///< Of the reply.
  std::string_view end = {};
  /// What must precede a name for it to be a mark: the start of a line, with its indentation.
  std::string_view anchor = {};

  /// The text before a value: `Label:`, `[[ ## name ## ]]`, `<name>` or `"name":`.
  std::string opening(const Field& field) const;
  /// The same for a name: a field's label in the form `fields`, its name in the others.
  std::string opening(std::string_view name) const;
  /// The text after a value that belongs to it: `</name>`.  May be empty.
  std::string closing(std::string_view name) const;
  /// The mark of an output without a value: `<name/>`.  Empty for forms without such a mark.
  std::string empty_element(std::string_view name) const;
};

/// The name in the marker that ends a reply.
inline constexpr std::string_view completed_name = "completed";

/// The marker of a section, `[[ ## name ## ]]`.
std::string marker(std::string_view name);

}  // namespace dspy
