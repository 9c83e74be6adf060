// Pictures dropped or pasted go into the file field; without this, the field itself does.
"use strict";
function take(input, files) {
  const picture = [...files].find((file) => file.type.startsWith("image/"));
  if (!picture) return false;
  const one = new DataTransfer();
  one.items.add(picture);
  input.files = one.files;
  input.dispatchEvent(new Event("change"));
  return true;
}
function preview(input) {
  const zone = input.closest(".drop");
  zone.querySelector("img")?.remove();
  const file = input.files[0];
  if (!file) return;
  const image = new Image();
  image.alt = "The picture chosen: " + file.name;
  image.src = URL.createObjectURL(file);
  image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
  zone.append(image);
}
const inputs = [...document.querySelectorAll(".drop input")];
for (const input of inputs) {
  const zone = input.closest(".drop");
  zone.classList.add("able");
  input.addEventListener("change", () => preview(input));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(input, event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => {
  const near = document.activeElement?.closest("fieldset")?.querySelector(".drop input");
  const input = near ?? inputs.find((one) => !one.files.length) ?? inputs[0];
  if (input && take(input, event.clipboardData.files)) event.preventDefault();
});
