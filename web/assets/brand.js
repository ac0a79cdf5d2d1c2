// What the pages call the product, and where its IDE listens. Nothing else in web/ spells the names.

export const brand = Object.freeze({
  name: "Turnpike",
  fileStem: "turnpike",
  ideAddress: "hypex://auth",
});
