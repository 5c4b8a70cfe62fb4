#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "server/stored/stored.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

Async<ResourcePage> listed(JobSource jobs, std::vector<ResourceField> fields, ResourceQuery query) {
  auto items = co_await jobs.list(query.caller);
  co_return page_of(std::move(items), fields, query);
}

}  // namespace

Resource jobs_resource(const ResourceServices& services) {
  const auto jobs = services.jobs;
  std::vector<ResourceField> fields = {{.name = "id"},
                                       {.name = "program", .is_sortable = true, .is_searchable = true},
                                       {.name = "state", .is_sortable = true, .is_searchable = true},
                                       {.name = "created_at", .type = "datetime", .is_sortable = true},
                                       {.name = "inputs", .type = "json", .is_searchable = true},
                                       {.name = "outputs", .type = "json", .is_searchable = true}};
  Resource out{.name = "jobs",
               .fields = fields,
               .relations = {{.field = "program", .to = "programs"}},
               .list = [jobs, fields](ResourceQuery query) { return listed(jobs, fields, std::move(query)); }};
  out.get = jobs.get;
  return out;
}

}  // namespace dspy::server
