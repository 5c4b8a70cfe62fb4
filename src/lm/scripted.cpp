#include "dspy/lm/scripted.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/lm/pace.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <format>
#include <mutex>
#include <random>
#include <utility>

namespace dspy {
namespace {

using text::is_space;

/// The high bit of each byte of `bytes` that is white space.
constexpr std::uint64_t spaces_in(std::uint64_t bytes) noexcept {
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr auto low_bits = 0x7F * each;
  constexpr auto high_bits = 0x80 * each;
  const auto low = bytes & low_bits;
  const auto not_blank = (((bytes ^ (' ' * each)) & low_bits) + low_bits);
  const auto from_tab = low + (0x80 - '\t') * each;
  const auto beyond_return = low + (0x7F - '\r') * each;
  return (~not_blank | (from_tab & ~beyond_return)) & ~bytes & high_bits;
}

/// Eight bytes at a time: every call of a program counts its prompt and reply.
std::uint64_t count_words(std::string_view text) noexcept {
  std::uint64_t words = 0;
  std::uint64_t before = 0x80;  // what precedes the first byte counts as white space
  const auto count = [&](const char* block) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, block, sizeof bytes);
    if constexpr (std::endian::native == std::endian::big) bytes = std::byteswap(bytes);
    const auto spaces = spaces_in(bytes);
    const auto starts = ~spaces & (spaces << 8 | before) & 0x8080808080808080;
    words += (starts >> 7) * 0x0101010101010101 >> 56;  // their number
    before = spaces >> 56;
  };
  for (; text.size() >= 8; text.remove_prefix(8)) count(text.data());
  std::array<char, 8> rest = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
  text.copy(rest.data(), rest.size());
  count(rest.data());
  return words;
}

std::uint64_t count_words_of(const Message& message) noexcept {
  std::uint64_t words = 0;
  for (const auto& part : message.parts) {
    if (const auto* const text = part.get<TextPart>()) words += count_words(text->text);
  }
  return words;
}

/// The next word of `text` with the white space before it; what follows the last word goes with it.
std::string_view take_word(std::string_view& text) noexcept {
  std::size_t end = 0;
  while (end < text.size() && is_space(text[end])) ++end;
  while (end < text.size() && !is_space(text[end])) ++end;
  auto rest = end;
  while (rest < text.size() && is_space(text[rest])) ++rest;
  if (rest == text.size()) end = rest;
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

void check_limits(const Request& request) {
  validate(request.sampling);
  if (request.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
  if (request.deadline && *request.deadline <= std::chrono::steady_clock::now())
    throw Error(Errc::deadline_exceeded, "the request's deadline passed before the scripted reply");
}

std::string digest_of(const std::deque<std::string>& replies) {
  std::string all;
  for (const auto& reply : replies) all += std::format("{} {}\n", reply.size(), reply);
  return sha256(all).substr(0, 16);
}

/// Unlike any other, in this process and in others.
std::string new_name() {
  static const std::uint64_t process = [] {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32U | device();
  }();
  static std::atomic<std::uint64_t> made = 0;
  return std::format("function {:016x}-{}", process, made.fetch_add(1));
}

}  // namespace

class ScriptedLM::Script {
 public:
  std::deque<std::string> replies;
  std::string fingerprint;
  std::function<Reply(const Request&)> answers;

  Reply answer(Request&& request) {
    check_limits(request);
    // The function is the caller's and may take its time, so it runs without the lock.
    auto reply = answers ? answers(request) : Reply(Completion{});
    const bool counts = reply.usage == Usage();
    reply.usage.requests = 1;

    const std::lock_guard lock(mutex_);
    if (counts) reply.usage.prompt_tokens = count_prompt(request.messages);
    if (remember_) requests_.push_back(std::move(request));
    if (!answers) {
      if (replies.empty()) {
        throw Error(Errc::inference_failed, "the script has no reply left; give the ScriptedLM one for each request");
      }
      reply.completion().text = std::move(replies.front());
      replies.pop_front();
    }
    if (counts) reply.usage.completion_tokens = count_words(reply.text());
    return reply;
  }

  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  void remember(bool on) {
    const std::lock_guard lock(mutex_);
    remember_ = on;
  }

  static Async<Reply> complete(std::shared_ptr<Script> script, Request request) {
    co_return script->answer(std::move(request));
  }

  static Async<Reply> stream(std::shared_ptr<Script> script, Request request, EventSink sink) {
    const auto stop = request.stop;
    const Pace pace(request);
    auto reply = script->answer(std::move(request));
    if (!sink) co_return reply;
    auto usage = reply.usage;
    std::uint64_t written = 0;
    usage.completion_tokens = written;
    sink({.kind = StreamEvent::Kind::prompt_done, .text = {}, .usage = usage});
    for (std::string_view rest = reply.text(); !rest.empty();) {
      if (pace.is_held()) co_await pace.keep();
      if (stop.stop_requested())
        throw Error(Errc::cancelled, "the caller asked to stop",
                    {.raw = reply.text().substr(0, reply.text().size() - rest.size())});
      const auto word = take_word(rest);
      usage.completion_tokens = written += count_words(word);
      sink({.kind = StreamEvent::Kind::text, .text = word, .usage = usage});
    }
    co_return reply;
  }

 private:
  /// Programs repeat the same beginning in every prompt, so the word count of the last one is remembered.
  std::uint64_t count_prompt(const Chat& messages) {
    if (messages.prefix() != counted_) {
      counted_ = messages.prefix();
      counted_words_ = 0;
      if (counted_) {
        for (const auto& message : *counted_) counted_words_ += count_words_of(message);
      }
    }
    auto words = counted_words_;
    for (auto i = counted_ ? counted_->size() : 0; i < messages.size(); ++i) words += count_words_of(messages[i]);
    return words;
  }

  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  Chat::Prefix counted_;  ///< Kept alive, so that an equal pointer means equal text.
  std::uint64_t counted_words_ = 0;
  bool remember_ = true;
};

ScriptedLM::ScriptedLM(std::deque<std::string> replies) : script_(std::make_shared<Script>()) {
  script_->fingerprint = "scripted replies " + digest_of(replies);
  script_->replies = std::move(replies);
}

ScriptedLM::ScriptedLM(std::function<Reply(const Request& request)> answer, std::string name)
    : script_(std::make_shared<Script>()) {
  if (!answer) throw Error(Errc::config_error, "a ScriptedLM needs replies, or a function that makes them");
  script_->answers = std::move(answer);
  script_->fingerprint = "scripted " + (name.empty() ? new_name() : "as " + name);
}

ScriptedLM::ScriptedLM(std::function<std::string(const Request& request)> answer, std::string name)
    : ScriptedLM(!answer ? std::function<Reply(const Request&)>()
                         : [text = std::move(answer)](const Request& request) {
                             Completion completion;
                             completion.text = text(request);
                             return Reply(std::move(completion));
                           },
                 std::move(name)) {}

std::string ScriptedLM::fingerprint() const {
  return script_->fingerprint;
}

Async<Reply> ScriptedLM::complete(Request request) {
  return Script::complete(script_, std::move(request));
}

Async<Reply> ScriptedLM::stream(Request request, EventSink sink) {
  return Script::stream(script_, std::move(request), std::move(sink));
}

std::vector<Request> ScriptedLM::requests() const {
  return script_->requests();
}

void ScriptedLM::remember(bool on) {
  script_->remember(on);
}

}  // namespace dspy
