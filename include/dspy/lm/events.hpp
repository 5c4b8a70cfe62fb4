#pragma once

#include "dspy/base/usage.hpp"

#include <functional>
#include <string_view>

namespace dspy {

/// A piece of a reply as it is written.
struct StreamEvent {
  enum class Kind {
    prompt_done,  ///< The prompt is read; `usage` counts its tokens.
    text,         ///< `text` continues the answer: whole UTF-8 characters.
    reasoning,    ///< `text` continues the thoughts before it.
  };

  Kind kind = Kind::text;
  std::string_view text = {};  ///< Valid during the call only.
  Usage usage = {};            ///< So far.
};

/// Receives a stream's events in order, never two at a time.
using EventSink = std::function<void(const StreamEvent& event)>;

struct Reply;

/// Hands out a finished reply as the events of its stream, for a backend that cannot do so on the way.
void tell_whole(const Reply& reply, const EventSink& sink);

}  // namespace dspy
