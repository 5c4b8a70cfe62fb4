#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/local_guard.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/system_api.hpp"
#include "lm.hpp"
#include "program.hpp"
#include "signature.hpp"
#include "waiting.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::python {
namespace {

using namespace server;

/// A server of this process: what it offers, and where it listens.
class PyServer {
 public:
  PyServer(const std::shared_ptr<Routes>& routes, const ListenerOptions& options,
           std::shared_ptr<std::atomic<bool>> is_draining)
      : listener_(std::make_unique<Listener>(routes, options)),
        address_(options.address.contains(':') ? std::format("[{}]:{}", options.address, listener_->port())
                                               : std::format("{}:{}", options.address, listener_->port())),
        is_draining_(std::move(is_draining)) {}

  /// What runs may need the GIL to end.
  ~PyServer() {
    const nb::gil_scoped_release released;
    listener_.reset();
  }
  PyServer(const PyServer&) = delete;
  PyServer& operator=(const PyServer&) = delete;

  const std::string& address() const noexcept { return address_; }

  bool stop(std::chrono::milliseconds patience) {
    std::unique_ptr<Listener> listener;
    {
      const std::scoped_lock lock(mutex_);
      listener = std::move(listener_);
    }
    if (!listener) return true;
    is_draining_->store(true);
    return listener->drain(patience);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Listener> listener_;
  std::string address_;
  std::shared_ptr<std::atomic<bool>> is_draining_;
};

std::string_view presented(const HttpRequest& request) {
  const auto bearer = request.headers.find("Authorization");
  if (bearer && bearer->size() > 7 && text::equals_ignoring_case(bearer->substr(0, 7), "bearer "))
    return bearer->substr(7);
  return request.headers.find("x-api-key").value_or(std::string_view());
}

/// Whoever shows the key may do everything.  Digests are compared, so that the time tells nothing of the key.
Authenticator one_key(const std::string& key) {
  return [wanted = sha256(key)](const HttpRequest& request) {
    if (sha256(presented(request)) != wanted) {
      throw HttpError(401, Errc::authentication_failed,
                      "the key is missing or wrong; show it as `Authorization: Bearer …`", {},
                      {{.name = "WWW-Authenticate", .value = "Bearer"}});
    }
    return []() -> Async<Caller> { co_return Caller{.key = "serve", .scopes = {"*"}}; }();
  };
}

std::shared_ptr<Catalog> catalog_of(nb::handle programs, nb::handle models) {
  auto out = std::make_shared<Catalog>();
  for (const auto entry : nb::borrow<nb::object>(programs)) {
    out->put(ServedProgram{.name = nb::cast<std::string>(entry[0]),
                           .version = "live",
                           .source = "Python",
                           .program = to_program(entry[1]),
                           .signature = *to_signature(entry[2]).value,
                           .loaded_at = std::chrono::system_clock::now()});
  }
  for (const auto entry : nb::borrow<nb::object>(models))
    out->put(ServedModel{.name = nb::cast<std::string>(entry[0]), .lm = to_lm(entry[1])});
  return out;
}

std::unique_ptr<PyServer> serve(nb::handle programs, nb::handle models, const std::string& address,
                                const std::optional<std::string>& key, std::size_t concurrency) {
  require_unforked();
  const auto options = listen_at(address);
  if (!is_loopback(options.address) && !key)
    throw Error(Errc::config_error,
                std::format("{} can be reached from other machines without a key; give a `key`, or listen on 127.0.0.1 "
                            "behind a proxy that authenticates",
                            address));
  if (key && key->size() < 16)
    throw Error(Errc::config_error,
                "a key must have at least 16 characters; create one with secrets.token_urlsafe(32)");
  const auto catalog = catalog_of(programs, models);
  const auto admission = std::make_shared<server::Admission>(AdmissionLimits{.running = concurrency});
  auto is_draining = std::make_shared<std::atomic<bool>>(false);
  auto routes = std::make_shared<Routes>();
  routes->add(protocol_routes(catalog));
  routes->add(program_routes(catalog));
  routes->add(system_routes({.catalog = catalog, .admission = admission, .is_draining = is_draining}));
  routes->add(openapi_route(*routes, catalog));
  routes->set_admission(admission);
  routes->set_authenticator(key ? one_key(*key) : local_guard());
  note_threads();
  const nb::gil_scoped_release released;
  return std::make_unique<PyServer>(routes, options, std::move(is_draining));
}

}  // namespace

void bind_serve(nb::module_& m) {
  nb::class_<PyServer>(m, "NativeServer")
      .def_prop_ro("address", &PyServer::address)
      .def(
          "stop",
          [](PyServer& self, double seconds) {
            const nb::gil_scoped_release released;
            return self.stop(std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::duration<double>(std::max(0.0, seconds))));
          },
          nb::arg("patience"));
  m.def("_serve", &serve, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
}

}  // namespace dspy::python
