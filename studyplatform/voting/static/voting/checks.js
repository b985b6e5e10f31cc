// A bank card is 85.60 mm wide (ISO/IEC 7810 ID-1); a shape of the same width tells how large a pixel is.
const CARD_MM = 85.6;
const $ = (id) => document.getElementById(id);
const box = $("card-check");
if (box) {
  const fit = () => {
    const width = Number($("card-size").value);
    $("card").style.setProperty("--card-width", `${width}px`);
    $("card").hidden = $("card-size").disabled = $("card-none").checked;
    $("px-per-mm").value = $("card-none").checked ? "" : (width / CARD_MM).toFixed(3);
  };
  box.hidden = false;
  $("card-size").addEventListener("input", fit);
  $("card-none").addEventListener("change", fit);
  fit();
}
