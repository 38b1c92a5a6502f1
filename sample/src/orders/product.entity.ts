import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('shop_product')
export class Product {
  @PrimaryColumn('text')
  sku!: string;

  @Column('int', { name: 'price_cents' })
  priceCents!: number;

  @Column('int')
  stock!: number;
}
