#include "bulk/row_source.hpp"
#include "dspy/base/error.hpp"

#include <filesystem>
#include <format>
#include <memory>

#ifdef DSPY_WITH_PARQUET
#include "dspy/base/json.hpp"

#include <arrow/array.h>
#include <arrow/array/array_dict.h>
#include <arrow/array/array_nested.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#endif

namespace dspy::bulk {

#ifndef DSPY_WITH_PARQUET

std::unique_ptr<RowSource> open_parquet(const std::filesystem::path& path) {
  throw Error(Errc::unsupported,
              std::format("`{}` cannot be read: this build has no Arrow, which reads Parquet; install libparquet-dev "
                          "and build with -DDSPY_PARQUET=ON, or convert the file to .jsonl",
                          path.string()));
}

#else

namespace {

std::optional<Json> cell(const arrow::Array& column, std::int64_t row, const std::string& name);

template <class List>
JsonArray items(const List& list, std::int64_t row, const std::string& name) {
  JsonArray out;
  for (auto i = list.value_offset(row); i < list.value_offset(row + 1); ++i)
    out.push_back(cell(*list.values(), i, name).value_or(Json()));
  return out;
}

/// A cell as JSON; nothing for one that is null, as an empty cell of CSV is.  Throws `Error` (`bad_input`) for a type
/// that JSON has not.
std::optional<Json> cell(const arrow::Array& column, std::int64_t row, const std::string& name) {
  if (column.IsNull(row)) return std::nullopt;
  const auto as = [&]<class T>(const T* /*kind*/) { return static_cast<const T&>(column).Value(row); };
  using Id = arrow::Type;
  switch (column.type_id()) {
    case Id::BOOL: return Json(as(static_cast<const arrow::BooleanArray*>(nullptr)));
    case Id::INT8: return Json(std::int64_t{as(static_cast<const arrow::Int8Array*>(nullptr))});
    case Id::INT16: return Json(std::int64_t{as(static_cast<const arrow::Int16Array*>(nullptr))});
    case Id::INT32: return Json(std::int64_t{as(static_cast<const arrow::Int32Array*>(nullptr))});
    case Id::INT64: return Json(as(static_cast<const arrow::Int64Array*>(nullptr)));
    case Id::UINT8: return Json(std::int64_t{as(static_cast<const arrow::UInt8Array*>(nullptr))});
    case Id::UINT16: return Json(std::int64_t{as(static_cast<const arrow::UInt16Array*>(nullptr))});
    case Id::UINT32: return Json(std::int64_t{as(static_cast<const arrow::UInt32Array*>(nullptr))});
    case Id::UINT64: return Json(as(static_cast<const arrow::UInt64Array*>(nullptr)));
    case Id::FLOAT:
    case Id::DOUBLE: {
      const double value = column.type_id() == Id::FLOAT ? double{as(static_cast<const arrow::FloatArray*>(nullptr))}
                                                         : as(static_cast<const arrow::DoubleArray*>(nullptr));
      if (std::isfinite(value)) return Json(value);
      throw Error(Errc::bad_input, std::format("holds {} in the column `{}`, which JSON has not", value, name));
    }
    case Id::STRING: return Json(static_cast<const arrow::StringArray&>(column).GetView(row));
    case Id::LARGE_STRING: return Json(static_cast<const arrow::LargeStringArray&>(column).GetView(row));
    case Id::STRING_VIEW: return Json(static_cast<const arrow::StringViewArray&>(column).GetView(row));
    case Id::DATE32:
    case Id::DATE64:
    case Id::TIMESTAMP: return Json(column.GetScalar(row).ValueOrDie()->ToString());
    case Id::DICTIONARY: {  // a column of categories
      const auto& coded = static_cast<const arrow::DictionaryArray&>(column);
      return cell(*coded.dictionary(), coded.GetValueIndex(row), name);
    }
    case Id::LIST: return Json(items(static_cast<const arrow::ListArray&>(column), row, name));
    case Id::LARGE_LIST: return Json(items(static_cast<const arrow::LargeListArray&>(column), row, name));
    case Id::STRUCT: {
      JsonObject out;
      const auto& structure = static_cast<const arrow::StructArray&>(column);
      for (int i = 0; i < structure.num_fields(); ++i) {
        if (auto value = cell(*structure.field(i), row, name)) out[column.type()->field(i)->name()] = *std::move(value);
      }
      return Json(std::move(out));
    }
    default:
      throw Error(Errc::bad_input, std::format("has the type {} in the column `{}`; convert it to text, numbers, lists "
                                               "or structs",
                                               column.type()->ToString(), name));
  }
}

class ParquetRows final : public RowSource {
 public:
  explicit ParquetRows(std::filesystem::path path) : path_(std::move(path)) {
    auto file = take(arrow::io::ReadableFile::Open(path_.string()));
    file_ = take(parquet::arrow::OpenFile(std::move(file), arrow::default_memory_pool()));
    batches_ = take(file_->GetRecordBatchReader());
  }

  bool next(InputRow& row) override {
    while (batch_ == nullptr || at_ == batch_->num_rows()) {
      if (const auto status = batches_->ReadNext(&batch_); !status.ok()) fail(status);
      if (batch_ == nullptr) return false;
      at_ = 0;
    }
    row = {.at = number_++};
    try {
      JsonObject values;
      for (int i = 0; i < batch_->num_columns(); ++i) {
        if (auto value = cell(*batch_->column(i), at_, batch_->column_name(i)))
          values[batch_->column_name(i)] = *std::move(value);
      }
      row.text = to_text(values);
    } catch (const Error& error) {
      row.problem = error.what();
    }
    ++at_;
    return true;
  }

 private:
  [[noreturn]] void fail(const arrow::Status& status) const {
    throw Error(Errc::io_error, std::format("cannot read `{}`: {}", path_.string(), status.message()));
  }
  template <class T>
  T take(arrow::Result<T> result) const {
    if (!result.ok()) fail(result.status());
    return *std::move(result);
  }

  std::filesystem::path path_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t at_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<RowSource> open_parquet(const std::filesystem::path& path) {
  return std::make_unique<ParquetRows>(path);
}

#endif

}  // namespace dspy::bulk
