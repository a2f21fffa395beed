//! Tables in Parquet: columns that are declared once, rows written as one group, parts joined without being decoded.
//!
//! Whole numbers and words go through dictionaries. Other numbers are split into their bytes first, so that exponents, which hardly differ, stand together and
//! compress; a column of millions of results of a model is binary32, whose seven figures are more than the model has. What each column means, with its unit, stands in the file's own metadata under `columns`.

use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// A column: its name, what it means, and where a row has it.
pub struct Column<R> {
    /// Name, with the unit at its end.
    pub name: String,
    /// One clause, with the unit.
    pub about: String,
    /// Its value.
    pub get: Get<R>,
}

/// What takes a value from a row.
type Getter<R, V> = Box<dyn Fn(&R) -> V>;

/// How a row gives a value; nothing becomes a null.
pub enum Get<R> {
    /// A whole number.
    Whole(Getter<R, Option<u64>>),
    /// A number, binary64.
    Real(Getter<R, Option<f64>>),
    /// A number, binary32.
    Rough(Getter<R, Option<f64>>),
    /// A word.
    Word(Box<dyn Fn(&R) -> &str>),
}

impl<R> Column<R> {
    /// A column of whole numbers.
    pub fn whole(name: &str, about: &str, get: impl Fn(&R) -> Option<u64> + 'static) -> Column<R> {
        Column { name: name.to_owned(), about: about.to_owned(), get: Get::Whole(Box::new(get)) }
    }

    /// A column of numbers.
    pub fn real(name: &str, about: &str, get: impl Fn(&R) -> Option<f64> + 'static) -> Column<R> {
        Column { name: name.to_owned(), about: about.to_owned(), get: Get::Real(Box::new(get)) }
    }

    /// A column of numbers of which seven figures are enough.
    pub fn rough(name: &str, about: &str, get: impl Fn(&R) -> Option<f64> + 'static) -> Column<R> {
        Column { name: name.to_owned(), about: about.to_owned(), get: Get::Rough(Box::new(get)) }
    }

    /// A column of words.
    pub fn word(name: &str, about: &str, get: impl Fn(&R) -> &str + 'static) -> Column<R> {
        Column { name: name.to_owned(), about: about.to_owned(), get: Get::Word(Box::new(get)) }
    }

    fn schema(&self) -> Result<TypePtr> {
        let (physical, repetition) = match self.get {
            Get::Whole(_) => (Physical::INT64, Repetition::OPTIONAL),
            Get::Real(_) => (Physical::DOUBLE, Repetition::OPTIONAL),
            Get::Rough(_) => (Physical::FLOAT, Repetition::OPTIONAL),
            Get::Word(_) => (Physical::BYTE_ARRAY, Repetition::REQUIRED),
        };
        let builder = Type::primitive_type_builder(&self.name, physical).with_repetition(repetition);
        let word = matches!(self.get, Get::Word(_));
        let builder = if word {
            builder.with_logical_type(Some(LogicalType::String)).with_converted_type(ConvertedType::UTF8)
        } else {
            builder
        };
        Ok(Arc::new(builder.build()?))
    }

    fn write(&self, rows: &[R], into: &mut SerializedColumnWriter) -> Result<()> {
        match &self.get {
            Get::Whole(get) => optional::<Int64Type>(rows.iter().map(|row| get(row).map(|value| value as i64)), into),
            Get::Real(get) => optional::<DoubleType>(rows.iter().map(get), into),
            Get::Rough(get) => optional::<FloatType>(rows.iter().map(|row| get(row).map(|value| value as f32)), into),
            Get::Word(get) => {
                let words: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(get(row))).collect();
                into.typed::<ByteArrayType>().write_batch(&words, None, None).map(drop)
            }
        }
    }
}

/// Values that may be absent, with the levels that say so.
fn optional<T: DataType>(values: impl Iterator<Item = Option<T::T>>, into: &mut SerializedColumnWriter) -> Result<()> {
    let (mut there, mut levels) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        there.extend(value);
    }
    into.typed::<T>().write_batch(&there, Some(&levels), None).map(drop)
}

/// A kind of table.
pub struct Table<R> {
    columns: Vec<Column<R>>,
    schema: TypePtr,
    properties: WriterPropertiesPtr,
}

impl<R> Table<R> {
    /// A table of `columns`.
    ///
    /// # Panics
    /// If two columns have one name.
    pub fn new(columns: Vec<Column<R>>) -> Table<R> {
        let fields = columns.iter().map(Column::schema).collect::<Result<Vec<_>>>();
        let schema = fields.and_then(|fields| Type::group_type_builder("table").with_fields(fields).build());
        let about: BTreeMap<&str, &str> = columns.iter().map(|column| (&*column.name, &*column.about)).collect();
        assert_eq!(about.len(), columns.len(), "every column has a name of its own");
        let about = serde_json::to_string(&about).expect("names and clauses are text");
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(None)
            .set_key_value_metadata(Some(vec![KeyValue::new("columns".to_owned(), about)]));
        for column in columns.iter().filter(|column| matches!(column.get, Get::Real(_) | Get::Rough(_))) {
            let path = ColumnPath::from(&*column.name);
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
            properties = properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT);
        }
        let schema = Arc::new(schema.expect("the columns are constants"));
        Table { columns, schema, properties: Arc::new(properties.build()) }
    }

    /// Names of the columns.
    #[cfg(test)]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// A file of `rows`, as one group.
    ///
    /// # Errors
    /// If the writer refuses; memory has no other errors.
    pub fn file(&self, rows: &[R]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = self.writer(&mut bytes)?;
        let mut group = writer.next_row_group()?;
        for column in &self.columns {
            let mut into = group.next_column()?.expect("the schema has the same columns");
            column.write(rows, &mut into)?;
            into.close()?;
        }
        group.close()?;
        writer.close()?;
        Ok(bytes)
    }

    fn writer<W: Write + Send>(&self, into: W) -> Result<SerializedFileWriter<W>> {
        SerializedFileWriter::new(into, self.schema.clone(), self.properties.clone())
    }

    /// Joins files of this table: compressed columns are copied as they are, one at a time.
    ///
    /// # Errors
    /// Where a part or the file cannot be read or written.
    pub fn join<P: ChunkReader>(&self, parts: impl Iterator<Item = Result<P>>, into: impl Write + Send) -> Result<()> {
        let mut writer = self.writer(into)?;
        for part in parts {
            let part = part?;
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&part)?;
            for group in metadata.row_groups() {
                let mut copy = writer.next_row_group()?;
                for column in group.columns() {
                    let close = ColumnCloseResult {
                        bytes_written: column.compressed_size() as u64,
                        rows_written: group.num_rows() as u64,
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: None,
                        offset_index: None,
                    };
                    copy.append_column(&part, close)?;
                }
                copy.close()?;
            }
        }
        writer.close().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, RowAccessor};

    type Row = (u64, Option<f64>, &'static str);

    fn table() -> Table<Row> {
        Table::new(vec![
            Column::whole("number", "a number", |row: &Row| Some(row.0)),
            Column::real("weight_kg", "a weight, kg", |row: &Row| row.1),
            Column::word("word", "a word", |row: &Row| row.2),
            Column::rough("rough", "a weight again, kg", |row: &Row| row.1),
        ])
    }

    fn read(bytes: Vec<u8>) -> Vec<(i64, Option<f64>, String, Option<f32>)> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap());
        rows.map(|row| {
            let weight = match row.get_column_iter().nth(1).unwrap().1 {
                Field::Double(weight) => Some(*weight),
                _ => None,
            };
            let rough = row.get_float(3).ok();
            (row.get_long(0).unwrap(), weight, row.get_string(2).unwrap().clone(), rough)
        })
        .collect()
    }

    #[test]
    fn joined_parts_are_read_back_to_the_bit() {
        let rows = |from: u64| -> Vec<Row> {
            let weight = |at: u64| (!at.is_multiple_of(3)).then_some((at as f64 / 7.0).exp());
            (from..from + 1000).map(|at| (at, weight(at), if at % 2 == 0 { "even" } else { "odd" })).collect()
        };
        let table = table();
        let parts = [table.file(&rows(0)).unwrap(), table.file(&[]).unwrap(), table.file(&rows(1000)).unwrap()];
        let mut joined = Vec::new();
        table.join(parts.into_iter().map(|part| Ok(bytes::Bytes::from(part))), &mut joined).unwrap();
        let wanted = rows(0).into_iter().chain(rows(1000));
        let found = read(joined);
        assert_eq!(found.len(), 2000);
        for ((number, weight, word), read) in wanted.zip(found) {
            assert_eq!((number as i64, weight.map(f64::to_bits), word), (read.0, read.1.map(f64::to_bits), &*read.2));
            assert_eq!(weight.map(|weight| weight as f32), read.3);
        }
    }

    #[test]
    fn what_columns_mean_stands_in_the_file() {
        let bytes = table().file(&[]).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let about = pairs.iter().find(|pair| pair.key == "columns").and_then(|pair| pair.value.as_deref()).unwrap();
        assert_eq!(
            about,
            r#"{"number":"a number","rough":"a weight again, kg","weight_kg":"a weight, kg","word":"a word"}"#
        );
    }
}
