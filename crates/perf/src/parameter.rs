//! Fitted numbers with a name, a meaning and a range.
//!
//! Each kernel module declares its parameters once; the struct, its default, reading from and writing to the calibration file and the box that a fit
//! searches all follow from that declaration.

/// What is known of a parameter besides its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Name, as in the calibration file.
    pub name: &'static str,
    /// Least value that makes physical sense.
    pub low: f64,
    /// Greatest value that makes physical sense.
    pub high: f64,
    /// Value for a device of which nothing is known but its data sheet.
    pub default: f64,
}

/// A group of parameters as numbers in the order of its fields.
pub trait Fitted: Sized + Copy + Default {
    /// The fields, in order.
    const FIELDS: &'static [Field];

    /// From one number per field.
    fn from_values(values: &[f64]) -> Self;

    /// One number per field.
    fn values(&self) -> Vec<f64>;
}

/// Declares the parameters of one kind of operator.
///
/// ```
/// perf::parameters! {
///     /// How much of the data sheet copies reach.
///     pub struct Parameters {
///         /// Fraction of the peak bandwidth.
///         bandwidth: 0.3..1.0 = 0.8,
///         /// Launch, in seconds.
///         launch: 1e-7..1e-4 = 3e-6,
///     }
/// }
/// use perf::parameter::Fitted;
/// assert_eq!(Parameters::default().bandwidth, 0.8);
/// assert_eq!(Parameters::FIELDS[1].name, "launch");
/// ```
#[macro_export]
macro_rules! parameters {
    ($(#[$doc:meta])* pub struct $group:ident {
        $($(#[$meaning:meta])* $name:ident: $low:literal..$high:literal = $default:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $group {
            $($(#[$meaning])* pub $name: f64,)*
        }

        impl Default for $group {
            fn default() -> $group {
                $group { $($name: $default,)* }
            }
        }

        impl $crate::parameter::Fitted for $group {
            const FIELDS: &'static [$crate::parameter::Field] = &[
                $($crate::parameter::Field { name: stringify!($name), low: $low, high: $high, default: $default },)*
            ];

            fn from_values(values: &[f64]) -> $group {
                assert_eq!(values.len(), <$group as $crate::parameter::Fitted>::FIELDS.len());
                let mut values = values.iter().copied();
                $group { $($name: values.next().expect("as many as fields"),)* }
            }

            fn values(&self) -> Vec<f64> {
                vec![$(self.$name,)*]
            }
        }
    };
}
