#pragma once

#include "adapters/sections/labels.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace dspy {

/// Follows a JSON object while it is written: strings of outputs as they grow, other values once
/// they are whole.  At the first thing it does not understand it stops; the reader, which sees
/// the whole reply, has the last word.
class JsonFollower {
 public:
  /// Receives the next piece of an output's text.
  using Sink = std::function<void(std::size_t output, std::string_view text, bool done)>;

  /// The object begins at the byte `begin` of the text.
  JsonFollower(const Labels& labels, std::size_t begin) : labels_(labels), at_(begin + 1) {}

  /// Reads on in `text`, which begins with what it held before.
  void advance(std::string_view text, const Sink& sink);

 private:
  enum class State { key, colon, value, string, other, comma, stopped };

  bool step(std::string_view text, const Sink& sink);
  bool read_key(std::string_view text);
  bool read_string(std::string_view text, const Sink& sink);
  bool read_escape(std::string_view text, const Sink& sink);
  bool read_other(std::string_view text, const Sink& sink);
  void send(const Sink& sink, std::string_view text, bool done) const;

  const Labels& labels_;
  State state_ = State::key;
  std::size_t at_;
  std::size_t output_ = 0;  ///< The output whose value this is; the number of outputs if none.
  char quote_ = 0;          ///< Of the string being read, or 0.
  std::size_t begin_ = 0;   ///< Where the value that is not a string begins.
  std::size_t depth_ = 0;   ///< Brackets open within that value.
};

}  // namespace dspy
