#include "handles.hpp"

#include "dspy/base/version.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <format>

namespace dspy::c {
namespace {

dspy_allocator& allocator() noexcept {
  static dspy_allocator shared{[](std::size_t size, void*) { return std::malloc(size); },
                               [](void* memory, void*) { std::free(memory); }, nullptr};
  return shared;
}

std::atomic<bool> has_handed_out = false;

/// As much of `text` as fits, ending with a whole character.
void copy_into(char* to, std::size_t size, std::string_view text) noexcept {
  auto count = std::min(text.size(), size - 1);
  if (count < text.size()) {
    while (count > 0 && (static_cast<unsigned char>(text[count]) & 0xC0U) == 0x80U) --count;
  }
  std::memcpy(to, text.data(), count);
  to[count] = '\0';
}

void set(dspy_error* error, const Error& said) {
  const auto json = to_text(Json(to_json(said)));
  std::free(error->json);
  error->json = static_cast<char*>(std::malloc(json.size() + 1));
  if (error->json != nullptr) std::memcpy(error->json, json.c_str(), json.size() + 1);
  error->code = static_cast<std::int32_t>(said.code()) + 1;
  copy_into(error->kind, sizeof error->kind, to_string(said.code()));
  copy_into(error->message, sizeof error->message, said.what());
}

Json json_of(const char* text, std::string_view what) {
  auto json = parse_json(text_of(text, what));
  if (!json) {
    throw Error(Errc::bad_input, std::format("{} are not JSON: {}", what, json.error().message),
                {.position = json.error().position});
  }
  return *std::move(json);
}

}  // namespace

char* to_host(std::string_view text) noexcept {
  has_handed_out.store(true, std::memory_order_relaxed);
  const auto& use = allocator();
  auto* const out = static_cast<char*>(use.allocate(text.size() + 1, use.user));
  if (out == nullptr) return nullptr;
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

void set(dspy_error* error, const std::exception_ptr& thrown) noexcept {
  if (error == nullptr) return;
  try {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& said) {
      set(error, said);
    } catch (const std::exception& said) {
      set(error, Error(Errc::inference_failed, said.what()));
    }
  } catch (...) {
    error->code = static_cast<std::int32_t>(Errc::inference_failed) + 1;
    copy_into(error->kind, sizeof error->kind, to_string(Errc::inference_failed));
    copy_into(error->message, sizeof error->message, "there is no memory to say what went wrong");
  }
}

std::string_view text_of(const char* text, std::string_view what) {
  if (text == nullptr) throw Error(Errc::invalid_parameter, std::format("NULL was given for {}", what));
  return text;
}

JsonObject object_of(const char* text, std::string_view what) {
  auto json = json_of(text, what);
  if (!json.is_object()) throw Error(Errc::bad_input, std::format("{} are not a JSON object", what));
  return std::move(json.as_object());
}

JsonArray array_of(const char* text, std::string_view what) {
  auto json = json_of(text, what);
  if (!json.is_array()) throw Error(Errc::bad_input, std::format("{} are not a JSON list", what));
  return std::move(json.as_array());
}

std::stop_token token_of(const dspy_stop* stop) noexcept {
  return stop == nullptr ? std::stop_token() : stop->value.get_token();
}

}  // namespace dspy::c

extern "C" {

uint32_t dspy_abi_version(void) {
  return DSPY_ABI_MAJOR * 65536U + DSPY_ABI_MINOR;
}

const char* dspy_version(void) {
  return dspy::version().data();
}

int dspy_set_allocator(const dspy_allocator* allocator) {
  if (dspy::c::has_handed_out.load()) return 1;
  dspy::c::allocator() = *allocator;
  return 0;
}

void dspy_string_free(char* text) {
  if (text == nullptr) return;
  const auto& use = dspy::c::allocator();
  use.release(text, use.user);
}

void dspy_error_clear(dspy_error* error) {
  if (error == nullptr) return;
  std::free(error->json);
  *error = dspy_error{};
}

dspy_stop* dspy_stop_new(void) {
  return dspy::c::guarded<dspy_stop*>(nullptr, nullptr, [] { return new dspy_stop(); });
}

void dspy_stop_request(dspy_stop* stop) {
  if (stop != nullptr) stop->value.request_stop();
}

void dspy_stop_free(dspy_stop* stop) {
  delete stop;
}

}  // extern "C"
