#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"

#include <optional>
#include <string>
#include <string_view>

// The entries of the standard table, a file each.

namespace dspy::server {

Resource programs_resource(const ResourceServices& services);
Resource runs_resource(const ResourceServices& services);
Resource traces_resource(const ResourceServices& services);
Resource feedback_resource(const ResourceServices& services);
Resource datasets_resource(const ResourceServices& services);
Resource experiments_resource(const ResourceServices& services);
Resource optimizations_resource(const ResourceServices& services);
Resource indexes_resource(const ResourceServices& services);
Resource agents_resource(const ResourceServices& services);
Resource keys_resource(const ResourceServices& services);
Resource jobs_resource(const ResourceServices& services);

/// 404 for one that is not there, or is another tenant's: the answer is the same.
HttpError not_there(std::string_view resource, std::string_view id);

/// 403 for a caller without `scope`, where an action needs more than the scope of its route.
void require_scope(const Caller& caller, std::string_view scope);

/// 409 if its file cannot be read.  The log says why, with the path, which is not shown to the client.
HttpError damaged(std::string_view resource, std::string_view id, const Error& why);

/// Tells the stream of events, where there is one.
void tell(const ResourceServices& services, std::string_view tenant, std::string_view resource, std::string_view id,
          std::string_view change);

/// Keeps a judgement, and tells the experiment that the call belonged to.  Returns its id.
std::string keep_feedback(const ResourceServices& services, const std::string& tenant, const Feedback& feedback);

// Inputs of an action, which have been checked against its notation.
std::string text_input(const JsonObject& inputs, std::string_view name);
std::optional<std::string> optional_text(const JsonObject& inputs, std::string_view name);
std::optional<double> optional_number(const JsonObject& inputs, std::string_view name);

}  // namespace dspy::server
