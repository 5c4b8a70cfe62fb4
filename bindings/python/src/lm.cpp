#include "lm.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/configure.hpp"
#include "json.hpp"
#include "waiting.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <deque>
#include <format>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::python {
namespace {

/// A model that is a Python function: a request as a dict in, a text or a reply as a dict out.
class FunctionLM final : public LM {
 public:
  FunctionLM(Held function, std::string name, std::string fingerprint, bool in_thread)
      : function_(std::move(function)),
        name_(std::move(name)),
        fingerprint_(std::move(fingerprint)),
        in_thread_(in_thread) {}

  std::string_view model() const noexcept override { return name_; }
  std::string fingerprint() const override { return fingerprint_; }
  Async<Reply> complete(Request request) override { return ask(function_, name_, in_thread_, std::move(request)); }

 private:
  static Async<Reply> ask(Held function, std::string name, bool in_thread, Request request) {
    if (!in_thread) co_return answer(function, name, request);
    Reply reply;
    co_await on_python_thread([&] { reply = answer(function, name, request); });
    co_return reply;
  }

  static Reply answer(const Held& function, const std::string& name, const Request& request) {
    auto reply = with_python([&]() -> Reply {
      const nb::object said = function.get()(to_python(to_json(request)));
      if (PyUnicode_Check(said.ptr()) != 0) return Reply(Completion{.text = nb::cast<std::string>(said)});
      auto written = to_json_object(said, "a model's reply");
      auto read = reply_from_json(written);
      if (read.completions.empty())
        throw Error(Errc::bad_input, "a model's reply has no completions; return one at least");
      return read;
    });
    if (reply.model.empty()) reply.model = name;
    if (reply.usage.requests == 0) reply.usage.requests = 1;
    return reply;
  }

  Held function_;
  std::string name_;
  std::string fingerprint_;
  bool in_thread_;
};

/// A model with a script, told from those with others.
class TextsLM final : public LM {
 public:
  TextsLM(std::shared_ptr<ScriptedLM> script, std::string fingerprint)
      : script_(std::move(script)), fingerprint_(std::move(fingerprint)) {}

  std::string_view model() const noexcept override { return script_->model(); }
  std::string fingerprint() const override { return fingerprint_; }
  Async<Reply> complete(Request request) override { return script_->complete(std::move(request)); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return script_->stream(std::move(request), std::move(sink));
  }

  std::vector<Request> requests() const { return script_->requests(); }

 private:
  std::shared_ptr<ScriptedLM> script_;
  std::string fingerprint_;
};

Request chat_of(nb::handle prompt, const nb::kwargs& settings) {
  Request request;
  if (PyUnicode_Check(prompt.ptr()) != 0) {
    request.messages.push_back(Message(Role::user, nb::cast<std::string>(prompt)));
  } else {
    auto written = to_json(prompt);
    if (written.is_object()) {
      request = request_from_json(written.as_object());
    } else if (written.is_array()) {
      request.messages = chat_from_json(written.as_array());
    } else {
      throw Error(Errc::bad_input, "a model is asked with a text, a list of messages, or a request as a dict");
    }
  }
  nb::dict sampling;
  for (const auto& [name, value] : settings) {
    if (nb::cast<std::string>(name) == "n") {
      request.n = nb::cast<int>(value);
    } else {
      sampling[name] = value;
    }
  }
  request.sampling = to_sampling(sampling).over(request.sampling);
  return request;
}

nb::list texts_of(const Reply& reply) {
  nb::list out;
  for (const auto& completion : reply.completions) out.append(to_python(completion.text));
  return out;
}

nb::dict capabilities_of(const PyLM& self) {
  const auto can = self.value->capabilities();
  nb::dict out;
  out["enforces_contract"] = can.enforces_contract;
  out["prefill"] = can.prefill;
  out["tools"] = can.tools;
  out["images"] = can.images;
  out["audio"] = can.audio;
  out["documents"] = can.documents;
  out["logprobs"] = can.logprobs;
  out["streams"] = can.streams;
  if (can.context_length) out["context_length"] = *can.context_length;
  return out;
}

Async<Reply> complete(std::shared_ptr<LM> lm, Request request, std::stop_token stop) {
  request.stop = std::move(stop);
  co_return co_await lm->complete(std::move(request));
}

/// Hands text and thoughts to a Python function while they are written.
Async<Reply> streamed(std::shared_ptr<LM> lm, Request request, Held sink, std::stop_token stop) {
  request.stop = std::move(stop);
  co_return co_await lm->stream(std::move(request), [sink](const StreamEvent& event) {
    if (event.kind != StreamEvent::Kind::text && event.kind != StreamEvent::Kind::reasoning) return;
    with_python(
        [&] { sink.get()(event.kind == StreamEvent::Kind::text ? "text" : "reasoning", to_python(event.text)); });
  });
}

}  // namespace

std::shared_ptr<LM> to_lm(nb::handle value) {
  if (value.is_none()) return nullptr;
  if (nb::isinstance<PyLM>(value)) return nb::cast<const PyLM&>(value).value;
  if (PyUnicode_Check(value.ptr()) != 0) return dspy::lm(nb::cast<std::string>(value));
  if (nb::hasattr(value, "native")) return to_lm(value.attr("native"));
  throw nb::type_error("an LM is a dspy_cpp.LM, or a URI such as 'llama:model.gguf'");
}

Sampling to_sampling(nb::handle settings) {
  JsonObject written;
  for (auto& [name, value] : to_json_object(settings, "the settings of a call")) {
    if (!value.is_null()) written.emplace(name, std::move(value));
  }
  try {
    auto sampling = request_from_json({{"messages", JsonArray()}, {"sampling", written}}).sampling;
    validate(sampling);
    return sampling;
  } catch (const Error& error) {
    throw Error(Errc::invalid_parameter,
                std::format("{} (settings are temperature, max_tokens, top_p, top_k, min_p, repeat_penalty, "
                            "repeat_last_n, frequency_penalty, presence_penalty, seed, stop, logprobs and "
                            "field_temperatures)",
                            error.what()));
  }
}

void bind_lm(nb::module_& m) {
  nb::class_<PyLM>(m, "LM",
                   "A language model, from a URI such as `llama:model.gguf?temperature=0` or `openai/gpt-4o-mini`.\n\n"
                   "Calls may come from any thread; they wait without the GIL.")
      .def(
          "__init__",
          [](PyLM* self, const std::string& uri) {
            require_unforked();
            std::shared_ptr<LM> made;
            {
              const nb::gil_scoped_release released;
              made = dspy::lm(uri);
            }
            note_threads();
            new (self) PyLM{std::move(made)};
          },
          nb::arg("uri"))
      .def_prop_ro("model", [](const PyLM& self) { return to_python(self.value->model()); })
      .def_prop_ro("fingerprint", [](const PyLM& self) { return to_python(self.value->fingerprint()); })
      .def_prop_ro("capabilities", &capabilities_of)
      .def(
          "__call__",
          [](const PyLM& self, nb::handle prompt, const nb::kwargs& settings) {
            auto request = chat_of(prompt, settings);
            return texts_of(wait_for(
                [&](std::stop_token stop) { return complete(self.value, std::move(request), std::move(stop)); }));
          },
          nb::arg("prompt"), nb::arg("settings"), "The texts of the completions.")
      .def(
          "complete",
          [](const PyLM& self, nb::handle prompt, const nb::kwargs& settings) {
            auto request = chat_of(prompt, settings);
            return to_python(to_json(wait_for(
                [&](std::stop_token stop) { return complete(self.value, std::move(request), std::move(stop)); })));
          },
          nb::arg("request"), nb::arg("settings"),
          "The whole reply, as a dict: completions, usage, adaptations. Takes a text, messages, or a request as a "
          "dict.")
      .def(
          "acomplete",
          [](const PyLM& self, nb::handle prompt, const nb::kwargs& settings) {
            auto request = chat_of(prompt, settings);
            return awaitable(
                [&](std::stop_token stop) { return complete(self.value, std::move(request), std::move(stop)); },
                [](Reply reply) -> nb::object { return to_python(to_json(reply)); });
          },
          nb::arg("request"), nb::arg("settings"), "The same to await.")
      .def(
          "stream",
          [](const PyLM& self, nb::handle prompt, nb::object sink, const nb::kwargs& settings) {
            auto request = chat_of(prompt, settings);
            Held held(std::move(sink));
            return to_python(to_json(wait_for([&](std::stop_token stop) {
              return streamed(self.value, std::move(request), held, std::move(stop));
            })));
          },
          nb::arg("request"), nb::arg("sink"), nb::arg("settings"),
          "Calls `sink(kind, text)` with kind 'text' or 'reasoning' as the reply grows, and returns the whole of it.")
      .def("__repr__", [](const PyLM& self) { return std::format("LM('{}')", self.value->model()); });

  m.def("_scripted", [](nb::object replies, std::string fingerprint) {
    std::deque<std::string> texts;
    for (const auto text : replies) texts.push_back(nb::cast<std::string>(text));
    return PyLM{std::make_shared<TextsLM>(std::make_shared<ScriptedLM>(std::move(texts)), std::move(fingerprint))};
  });
  m.def("_repeating", [](std::string text, std::string fingerprint) {
    auto lm = std::make_shared<ScriptedLM>([text = std::move(text)](const Request&) { return text; });
    lm->remember(false);
    return PyLM{std::make_shared<TextsLM>(std::move(lm), std::move(fingerprint))};
  });
  m.def("_scripted_requests", [](const PyLM& self) {
    nb::list out;
    if (const auto* const scripted = dynamic_cast<const TextsLM*>(self.value.get())) {
      for (const auto& request : scripted->requests()) out.append(to_python(to_json(request)));
    }
    return out;
  });
  m.def("_function_lm", [](nb::object function, std::string name, std::string fingerprint, bool in_thread) {
    return PyLM{
        std::make_shared<FunctionLM>(Held(std::move(function)), std::move(name), std::move(fingerprint), in_thread)};
  });
  m.def("_configure", [](nb::handle lm, const std::string& adapter_name) {
    Settings settings{.lm = to_lm(lm)};
    if (!adapter_name.empty()) settings.adapter = adapter(adapter_name);
    configure(std::move(settings));
  });
  m.def("_settings", [] {
    const auto now = settings();
    return nb::make_tuple(now.lm ? nb::cast(PyLM{now.lm}) : nb::none(),
                          now.adapter ? nb::object(to_python(now.adapter->name())) : nb::none());
  });
}

}  // namespace dspy::python
