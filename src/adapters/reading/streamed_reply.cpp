#include "adapters/reading/streamed_reply.hpp"

#include "adapters/reading/reading_exchange.hpp"
#include "adapters/reading/reply_stream.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/completion.hpp"

#include <expected>

namespace dspy {

std::expected<Reading, Unreadable> parse_streamed(const Exchange& exchange, FieldStream* stream,
                                                  const Completion& completion) {
  if (stream != nullptr) {
    const auto* const reads = dynamic_cast<const ReadingExchange*>(&exchange);
    auto* const streamed = dynamic_cast<ReplyStream*>(stream);
    if (reads != nullptr && streamed != nullptr) {
      if (auto* const reader = streamed->reader_of(reads->shared_form(), completion.text))
        return reads->parse_with(*reader, completion);
    }
  }
  return exchange.parse(completion);
}

}  // namespace dspy
