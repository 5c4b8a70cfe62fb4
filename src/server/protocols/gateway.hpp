#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"
#include "server/protocols/asked.hpp"
#include "server/protocols/reply_writer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

/// What the endpoints share.  Calls may come from any thread.
class Gateway {
 public:
  Gateway(std::shared_ptr<const Catalog> catalog, ProtocolOptions options)
      : catalog_(std::move(catalog)), options_(std::move(options)) {}

  const Catalog& catalog() const noexcept { return *catalog_; }
  const std::string& scope() const noexcept { return options_.scope; }

  /// Whether the caller's key is for the program or model of that name.
  bool may_use(const Caller& caller, std::string_view name) const;
  /// A program, in the version that is for the caller, or model, whose replies the caller pays for, and whose calls are
  /// traced under `stamp.trace_id`; the stamp is told the version's arm.  Throws `HttpError`: 404 for a name that is
  /// not served, 403 for one that the caller may not use, and what `Spending` throws.
  std::shared_ptr<LM> lm(const HttpRequest& request, std::string_view name, std::optional<JsonObject> inputs,
                         Stamp& stamp) const;
  /// The same, unpaid; of models alone.
  std::shared_ptr<const ServedModel> model(const Caller& caller, std::string_view name) const;
  /// One request's spending; null if it is not limited.  Throws what `Spending` throws.
  std::shared_ptr<Budget> charge(const Caller& caller) const;
  /// Where a call is traced whose id is `stamp.trace_id`; null if nowhere.
  std::shared_ptr<Trace> trace(const Caller& caller, std::string name, std::string version, const Stamp& stamp) const;

 private:
  /// Null if there is no program of that name.
  std::shared_ptr<LM> program_lm(const HttpRequest& request, std::string_view name, std::optional<JsonObject> inputs,
                                 Stamp& stamp) const;

  std::shared_ptr<const Catalog> catalog_;
  ProtocolOptions options_;
};

/// An API's endpoint that asks a model, as functions without I/O.
struct AskingProtocol {
  std::function<Asked(const HttpRequest& request)> read;
  std::function<JsonObject(const Reply& reply, const Asked& asked, const Stamp& stamp)> write;
  std::function<std::unique_ptr<ReplyWriter>(const Asked& asked, const Stamp& stamp)> stream;
  std::string_view stream_type = "text/event-stream";
  std::string_view id_header = "x-request-id";
};

/// Answers a request of such an endpoint.  A stream's head is sent once the model has taken the request, so that what
/// is refused has its status.  When the client is gone, the model is asked to stop.
Async<HttpResponse> ask(std::shared_ptr<const Gateway> gateway, std::shared_ptr<const AskingProtocol> protocol,
                        HttpRequest request);

/// The same for a reply that is streamed from an LM of the caller's choice.
Async<HttpResponse> stream_from(std::shared_ptr<LM> lm, Asked asked, std::shared_ptr<const AskingProtocol> protocol,
                                HttpRequest request, Stamp stamp);

/// `dspy-trace-id`: what `POST /v1/feedback` joins a score to.
void tell_trace(HttpResponse& response, const Stamp& stamp);
/// `dspy-cost`, in dollars, if it is known.
void tell_cost(HttpResponse& response, const Usage& usage);

}  // namespace dspy::server
