//! A simulator loaded into this process: the only code of the crate that the compiler does not check.
//!
//! What makes it sound: a library comes from [`crate::design`], which wrote its functions (only files of its cache are opened); a model is
//! owned by one value and used by one thread at a time; the pointers of its ports live as long as it does.

use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::instrument::Instruments;
use crate::{Error, Result};

/// A port as the library describes it.
#[repr(C)]
struct RawPort {
    name: *const c_char,
    data: *mut c_void,
    bits: u32,
    is_input: u32,
}

/// A variable as the library describes it.
#[repr(C)]
struct RawArray {
    data: *mut c_void,
    bytes: u64,
    entry_bytes: u64,
}

type New = unsafe extern "C" fn(u32) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Eval = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type Ports = unsafe extern "C" fn(*mut c_void, *mut RawPort, u32) -> u32;
type Note = unsafe extern "C" fn(*mut c_void, *const c_char);
type Internal = unsafe extern "C" fn(*mut c_void, *const c_char, u32, *mut c_char, u32, *mut RawArray) -> u32;

/// The functions of a simulator.
pub struct Library {
    new: New,
    free: Free,
    eval: Eval,
    ports: Ports,
    internal: Internal,
    /// Functions that only simulators with instruments have.
    instruments: Option<Functions>,
    name: String,
    // Last, so that it outlives the functions.
    _library: libloading::Library,
}

/// The functions of instruments, and what is asked of them.
struct Functions {
    argument: Note,
    coverage: Note,
    asked: &'static Instruments,
}

impl Library {
    /// Load a library that [`crate::design::Design`] built with these instruments for this top module.
    pub(crate) fn open(path: &Path, asked: &'static Instruments, top: &str) -> Result<Arc<Library>> {
        let failed = |error: libloading::Error| Error::Build(format!("{}: cannot be loaded: {error}", path.display()));
        // SAFETY: the file was written by `design`, with functions of just these types; its constructors are Verilator's.
        unsafe {
            let library = libloading::Library::new(path).map_err(failed)?;
            let note = |name: &CStr| library.get::<Note>(name).map(|function| *function).map_err(failed);
            let functions =
                || Ok(Functions { argument: note(c"puce_argument")?, coverage: note(c"puce_coverage")?, asked });
            Ok(Arc::new(Library {
                new: *library.get::<New>(c"puce_new").map_err(failed)?,
                free: *library.get::<Free>(c"puce_free").map_err(failed)?,
                eval: *library.get::<Eval>(c"puce_eval").map_err(failed)?,
                ports: *library.get::<Ports>(c"puce_ports").map_err(failed)?,
                internal: *library.get::<Internal>(c"puce_internal").map_err(failed)?,
                instruments: asked.any().then(functions).transpose()?,
                name: top.into(),
                _library: library,
            }))
        }
    }
}

impl Functions {
    /// SAFETY: the model is alive and was not evaluated.
    unsafe fn begin(&self, model: *mut c_void) {
        let argument = self.asked.argument().and_then(|argument| CString::new(argument).ok());
        // SAFETY: as above; the text is copied.
        argument.iter().for_each(|argument| unsafe { (self.argument)(model, argument.as_ptr()) });
    }

    /// SAFETY: the model is alive.
    unsafe fn end(&self, model: *mut c_void, name: &str) {
        let path = self.asked.file(name).and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
        // SAFETY: as above; the text is copied.
        path.iter().for_each(|path| unsafe { (self.coverage)(model, path.as_ptr()) });
    }
}

/// A port of a model: its number in the list of ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Port(usize);

/// A port's name, place and width.
struct Slot {
    name: String,
    data: *mut c_void,
    bits: u32,
    input: bool,
}

/// One instance of a simulated module.
pub struct Model {
    library: Arc<Library>,
    model: *mut c_void,
    slots: Vec<Slot>,
}

// SAFETY: a model shares nothing with another one, and all its pointers are into memory that it owns.
unsafe impl Send for Model {}

impl Model {
    /// A new instance. Its registers start at zero, or at random values when the seed is not zero.
    pub fn new(library: &Arc<Library>, seed: u32) -> Model {
        // SAFETY: `puce_new` may be called at any time; the count of the first call to `puce_ports` is the room of the second, which writes each entry.
        unsafe {
            let model = (library.new)(seed);
            library.instruments.iter().for_each(|functions| functions.begin(model));
            let count = (library.ports)(model, std::ptr::null_mut(), 0);
            let mut raw: Vec<RawPort> = Vec::with_capacity(count as usize);
            (library.ports)(model, raw.as_mut_ptr(), count);
            raw.set_len(count as usize);
            let slot = |port: RawPort| Slot {
                name: CStr::from_ptr(port.name).to_string_lossy().into_owned(),
                data: port.data,
                bits: port.bits,
                input: port.is_input != 0,
            };
            Model { library: library.clone(), model, slots: raw.into_iter().map(slot).collect() }
        }
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<Port> {
        self.slots.iter().position(|slot| slot.name == name).map(Port)
    }

    /// The names of all ports.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.name.as_str())
    }

    /// Width of a port in bits.
    pub fn bits(&self, port: Port) -> u32 {
        self.slots[port.0].bits
    }

    /// Whether the port is an input.
    pub fn is_input(&self, port: Port) -> bool {
        self.slots[port.0].input
    }

    /// The value of a port, the lowest 64 bits of a wider one.
    pub fn get(&self, port: Port) -> u64 {
        let Slot { data, bits, .. } = self.slots[port.0];
        // SAFETY: Verilator keeps a port in the smallest of these types that holds its bits, a wider one as an array of u32.
        unsafe {
            match bits {
                0..=8 => u64::from(*data.cast::<u8>()),
                9..=16 => u64::from(*data.cast::<u16>()),
                17..=32 => u64::from(*data.cast::<u32>()),
                33..=64 => *data.cast::<u64>(),
                _ => u64::from(*data.cast::<u32>()) | u64::from(*data.cast::<u32>().add(1)) << 32,
            }
        }
    }

    /// Give an input the low bits of `value`; a wider one is zero above them.
    pub fn set(&mut self, port: Port, value: u64) {
        let Slot { data, bits, input, .. } = self.slots[port.0];
        debug_assert!(input, "`{}` is an output", self.slots[port.0].name);
        let value = if bits < 64 { value & ((1 << bits) - 1) } else { value };
        // SAFETY: as in `get`; `&mut self` makes the write exclusive.
        unsafe {
            match bits {
                0..=8 => *data.cast::<u8>() = value as u8,
                9..=16 => *data.cast::<u16>() = value as u16,
                17..=32 => *data.cast::<u32>() = value as u32,
                33..=64 => *data.cast::<u64>() = value,
                _ => {
                    let words = self.wide_mut(port).expect("wide");
                    words.fill(0);
                    (words[0], words[1]) = (value as u32, (value >> 32) as u32);
                }
            }
        }
    }

    /// The words of a port of more than 64 bits, the lowest first.
    pub fn wide(&self, port: Port) -> Option<&[u32]> {
        let Slot { data, bits, .. } = self.slots[port.0];
        // SAFETY: Verilator keeps a port of more than 64 bits in this many words.
        (bits > 64).then(|| unsafe { std::slice::from_raw_parts(data.cast(), bits.div_ceil(32) as usize) })
    }

    /// The words of an input of more than 64 bits; bits of the last word beyond the port's are to be zero.
    pub fn wide_mut(&mut self, port: Port) -> Option<&mut [u32]> {
        let Slot { data, bits, .. } = self.slots[port.0];
        // SAFETY: as in `wide`; `&mut self` makes it exclusive.
        (bits > 64).then(|| unsafe { std::slice::from_raw_parts_mut(data.cast(), bits.div_ceil(32) as usize) })
    }

    /// Evaluate the model after its inputs changed. A failed assertion is told with its file and line, by this call and all later ones.
    pub fn eval(&mut self) -> std::result::Result<(), String> {
        // SAFETY: the model is alive; the text belongs to it and is copied.
        unsafe {
            let complaint = (self.library.eval)(self.model);
            if complaint.is_null() { Ok(()) } else { Err(CStr::from_ptr(complaint).to_string_lossy().into_owned()) }
        }
    }

    /// The exposed variables of this name, by the paths of their instances.
    pub fn exposed(&self, name: &str) -> Vec<Exposed> {
        let Ok(name) = CString::new(name) else { return Vec::new() };
        let one = |index: u32| {
            let mut path = [0u8; 1024];
            let mut array = RawArray { data: std::ptr::null_mut(), bytes: 0, entry_bytes: 0 };
            let room = path.len() as u32;
            // SAFETY: the strings end in zero, and no more than `room` bytes of `path` are written.
            let found = unsafe {
                (self.library.internal)(self.model, name.as_ptr(), index, path.as_mut_ptr().cast(), room, &mut array)
            };
            let path = CStr::from_bytes_until_nul(&path).ok()?.to_string_lossy().into_owned();
            (found != 0).then_some(Exposed { path, array, owner: self.model })
        };
        (0..).map_while(one).collect()
    }

    /// The bytes of an exposed variable of this model.
    pub fn bytes(&self, exposed: &Exposed) -> &[u8] {
        assert_eq!(exposed.owner, self.model, "a variable of another model");
        // SAFETY: the storage is the model's and lives as long as it; `&self` keeps everybody from writing.
        unsafe { std::slice::from_raw_parts(exposed.array.data.cast(), exposed.array.bytes as usize) }
    }

    /// The bytes of an exposed variable of this model, to be changed.
    pub fn bytes_mut(&mut self, exposed: &Exposed) -> &mut [u8] {
        assert_eq!(exposed.owner, self.model, "a variable of another model");
        // SAFETY: as in `bytes`; `&mut self` makes it exclusive.
        unsafe { std::slice::from_raw_parts_mut(exposed.array.data.cast(), exposed.array.bytes as usize) }
    }
}

/// A variable of an instance that can be looked at from outside.
pub struct Exposed {
    /// Path of the instance, as the simulator names it.
    pub path: String,
    array: RawArray,
    owner: *mut c_void,
}

impl Exposed {
    /// Bytes of one entry of an array.
    pub fn entry(&self) -> usize {
        self.array.entry_bytes as usize
    }
}

// SAFETY: it is only the name of a place; the place is reached through the model that owns it.
unsafe impl Send for Exposed {}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the model came from `puce_new` and is not used again.
        unsafe {
            self.library.instruments.iter().for_each(|functions| functions.end(self.model, &self.library.name));
            (self.library.free)(self.model)
        }
    }
}
