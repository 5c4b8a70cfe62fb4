#pragma once

#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// The parts of a note in parentheses, which opens when the first of them comes.
class Notes {
 public:
  explicit Notes(std::string& out) : out_(out) {}
  ~Notes() {
    if (open_) out_ += ')';
  }
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;

  /// Begins a part, which the caller appends.
  std::string& next() {
    out_ += open_ ? "; " : " (";
    open_ = true;
    return out_;
  }

 private:
  std::string& out_;
  bool open_ = false;
};

/// What a field's type and limits ask for, in words: `a whole number from 0 to 10`.  Nothing for
/// text without limits.
void add_type_notes(Notes& notes, const Field& field);

/// The part of that which is about lengths.
void add_length_notes(Notes& notes, const Field& field);

/// A description in one line, without white space around it and without its full stop.
void append_description(std::string& out, std::string_view description);

/// The shortest text that reads back as the same number, without `.0`.
void append_number(std::string& out, double number);
void append_number(std::string& out, std::size_t number);

}  // namespace dspy
