#pragma once

#include "dspy/adapters/adapter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace dspy::test {

/// What a stream handed out of each field, and how.
struct Streamed {
  std::map<std::string, std::string, std::less<>> texts;
  std::map<std::string, int, std::less<>> done;
  int events = 0;
  int restarts = 0;

  void take(const FieldEvent& event) {
    const std::string name(event.field);
    ++events;
    restarts += event.restart ? 1 : 0;
    if (event.restart) texts[name].clear();
    texts[name] += event.text;
    done[name] += event.done ? 1 : 0;
  }
};

/// Streams `reply` in pieces, whose sizes `next_size` gives.
inline Streamed stream(const Adapter& adapter, const Signature& signature, std::string_view reply,
                       const std::function<std::size_t()>& next_size) {
  Streamed out;
  const auto fields = adapter.prepare(std::make_shared<const Signature>(signature))->open_stream();
  const auto sink = [&](const FieldEvent& event) { out.take(event); };
  while (!reply.empty()) {
    const auto size = std::clamp<std::size_t>(next_size(), 1, reply.size());
    fields->push(reply.substr(0, size), sink);
    reply.remove_prefix(size);
  }
  fields->finish(sink);
  return out;
}

}  // namespace dspy::test
