// What the pages call the product. Nothing else in web/ spells the name.

export const brand = Object.freeze({
  name: "Turnpike",
  fileStem: "turnpike",
});
