#include "dspy/base/wait.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/schemes.hpp"
#include "handles.hpp"

#include <deque>

using dspy::c::guarded;

extern "C" {

dspy_lm* dspy_lm_open(const char* uri, dspy_error* error) {
  return guarded<dspy_lm*>(error, nullptr, [&] { return new dspy_lm{dspy::lm(dspy::c::text_of(uri, "the URI"))}; });
}

dspy_lm* dspy_lm_scripted(const char* replies_json, dspy_error* error) {
  return guarded<dspy_lm*>(error, nullptr, [&] {
    std::deque<std::string> replies;
    for (const auto& reply : dspy::c::array_of(replies_json, "the replies")) {
      if (!reply.is_string()) throw dspy::Error(dspy::Errc::bad_input, "a scripted reply is not text");
      replies.emplace_back(dspy::view(reply.get_string()));
    }
    return new dspy_lm{std::make_shared<dspy::ScriptedLM>(std::move(replies))};
  });
}

char* dspy_lm_complete(dspy_lm* lm, const char* request_json, dspy_stop* stop, dspy_error* error) {
  return guarded<char*>(error, nullptr, [&] {
    if (lm == nullptr) throw dspy::Error(dspy::Errc::invalid_parameter, "the LM is NULL");
    auto request = dspy::request_from_json(dspy::c::object_of(request_json, "the request"));
    request.stop = dspy::c::token_of(stop);
    return dspy::c::to_host(
        dspy::to_text(dspy::Json(dspy::to_json(dspy::wait(lm->value->complete(std::move(request)))))));
  });
}

void dspy_lm_free(dspy_lm* lm) {
  delete lm;
}

}  // extern "C"
