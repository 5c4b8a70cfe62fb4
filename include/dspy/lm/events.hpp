#pragma once

#include "dspy/base/usage.hpp"

#include <cstddef>
#include <functional>
#include <string_view>

namespace dspy {

struct Part;
struct Reply;

/// A piece of a reply as it is written.  Its pointers are valid only during the call.
struct StreamEvent {
  enum class Kind {
    start,         ///< The request was accepted; `reply` has what is known: id, model, adaptations.
    prompt_done,   ///< The prompt is read; `usage` counts its tokens.
    text,          ///< `text` continues the answer: whole UTF-8 characters.
    reasoning,     ///< `text` continues the thoughts before it.
    tool_call,     ///< `part` is the call so far as its id and name; `text` continues its input, as JSON.
    part,          ///< `part` is whole: a citation, a picture, a recording, a refusal.
    continuation,  ///< `part` has state that must go back to the provider, and belongs to the part `part_index`.
  };

  Kind kind = Kind::text;
  std::string_view text = {};
  Usage usage = {};            ///< So far.
  std::size_t part_index = 0;  ///< Of the message; pieces of the same part have the same.
  const Part* part = nullptr;
  const Reply* reply = nullptr;
};

/// Receives a stream's events in order, never two at a time.
using EventSink = std::function<void(const StreamEvent& event)>;

/// Hands out a finished reply as the events of its stream, for a backend that cannot do so on the way.
void tell_whole(const Reply& reply, const EventSink& sink);

}  // namespace dspy
